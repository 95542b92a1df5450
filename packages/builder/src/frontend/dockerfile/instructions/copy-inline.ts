import type { Transfer } from '@gantry/dockerfile';
import type { CopyAction } from '../../../llb/write/file';
import { file } from '../../../llb/write/file';
import { actionPath, withoutDrive } from '../convert/paths';
import { osOf, type Transferring, withDriveGone } from './copy-files';

/** A file whose content stands in the Dockerfile. */
export function inlineAction({ at, common }: Transferring, { path, data }: Transfer['files'][number]): CopyAction {
  const name = actionPath(
    withDriveGone(() => withoutDrive(path, osOf(at.state), false)),
    false,
  );
  const from = file(undefined, [{ kind: 'mkfile', path: name, mode: 0o644, data: Buffer.from(data) }], {
    name: '[internal] preparing inline document',
  });
  return { ...common, kind: 'copy', from, source: name };
}
