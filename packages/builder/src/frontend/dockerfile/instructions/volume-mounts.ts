import { posix } from 'node:path';
import type { TreeMount } from '../../../llb/write/exec';
import { file } from '../../../llb/write/file';
import type { StageState } from '../convert/state';

/**
 * Volumes of the image as the classic builder's commands see them: each holds what the image has there, and what is written to it is gone with the command. A folder
 * that the image has not is empty.
 */
export function volumeMounts({ tree, config }: Pick<StageState, 'tree' | 'config'>): readonly TreeMount[] {
  const paths = Object.keys(config.Volumes ?? {}).map((path) => posix.join('/', path).replace(/(?<=.)\/$/, ''));
  return [...new Set(paths)]
    .filter((path) => path !== '/')
    .sort()
    .map((path) => ({
      kind: 'bind',
      target: path,
      selector: path,
      discard: true,
      tree: file(
        undefined,
        [
          { kind: 'copy', from: tree, source: path, dest: `${posix.dirname(path)}/`, ifThere: true, createDest: true },
          { kind: 'mkdir', path, mode: 0o755, parents: true },
        ],
        { name: `[internal] contents of volume ${path}` },
      ),
    }));
}
