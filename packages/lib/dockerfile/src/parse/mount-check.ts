import { invalidArgument } from '@gantry/rpc/errors';
import { quoted } from '../quote';
import type { RunMount } from './mount';

/** Options that do not go together, or not with the kind of the mount. */
export function checkMount(mount: RunMount): void {
  const { type, mode, uid, gid, from, sharing, source, target, id } = mount;
  const refuse = (when: boolean, words: string): void => {
    if (when) throw invalidArgument(words);
  };
  if (type === 'bind' || type === 'tmpfs')
    for (const [name, value] of Object.entries({ mode, uid, gid }))
      refuse(value !== undefined, `${name} not allowed for ${quoted(type)} type mounts`);
  if (type === 'secret') {
    refuse(from !== '', 'secret mount should not have a from');
    refuse(sharing !== undefined, 'secret mount should not define sharing');
    refuse(source === '' && target === '' && id === '', 'invalid secret mount. one of source, target required');
    refuse(source !== '' && id !== '', "both source and id can't be set");
  }
  refuse(sharing !== undefined && type !== 'cache', `invalid cache sharing set for ${type} mount`);
}
