import { createHash } from 'node:crypto';
import { CacheSharingOpt, type Definition, MountType, Op } from '@gantry/api/pb/ops';
import { execDefinition, mountOf, special } from '../testing/definitions';
import { emptiedCaches } from './emptied-caches';

describe('caches of steps that use no cache', () => {
  const cache = (id: string): Uint8Array => {
    const mount = special({ mountType: MountType.CACHE, dest: '/c', cacheOpt: { ID: id, sharing: CacheSharingOpt.SHARED } });
    return Op.encode(execDefinition({ mounts: [mountOf(), mount] })).finish();
  };
  const definition = (...steps: readonly (readonly [id: string, ignoreCache: boolean])[]): Definition => {
    const def = steps.map(([id]) => Buffer.from(cache(id)));
    const none = { description: {}, exportCache: undefined, caps: {}, progressGroup: undefined, linuxResources: undefined };
    const metadata = Object.fromEntries(
      def.map((bytes, index) => [
        `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
        { ...none, ignoreCache: steps[index]?.[1] ?? false },
      ]),
    );
    return { def, metadata, Source: undefined };
  };

  it('are those that the steps name, else their places', () => {
    expect([...emptiedCaches(definition(['a', true], ['', true], ['b', false]))]).toEqual(['a', '/c']);
    expect([...emptiedCaches(definition(['b', false]))]).toEqual([]);
  });
});
