import type { Add } from '@gantry/dockerfile';
import { quoted } from '@gantry/dockerfile';
import { prefixed } from '@gantry/rpc';
import type { CopyAction } from '../../../llb/write/file';
import type { Tree } from '../../../llb/write/graph';
import type { Dispatch } from '../convert/dispatch';
import { actionPath, isAbsolute, normalizePath, withoutDrive } from '../convert/paths';
import type { StageState } from '../convert/state';

/** What all files of one COPY or ADD have in common. */
export interface Transferring {
  readonly at: Dispatch;
  readonly from: Tree;
  readonly common: Pick<CopyAction, 'dest' | 'createDest' | 'mode' | 'owner' | 'exclude'>;
  /** Name of the step. */
  readonly name: string;
  readonly parents: boolean;
  readonly add: Add | undefined;
  readonly ofContext: boolean;
}

export const osOf = ({ platform }: StageState): string => platform?.os ?? 'linux';

/** Where files go, from the working directory; a slash at the end means a folder. */
export function destination(state: StageState, text: string): string {
  const os = osOf(state);
  const path = withDriveGone(() => withoutDrive(text, os, true));
  if (isAbsolute(path, os)) return actionPath(normalizePath('/', path, os, true), true);
  return actionPath(normalizePath(state.cwd, path === '' || path === '.' ? './' : path, os, true), true);
}

/** Files of the build context or of another stage. */
export function fileAction(transferring: Transferring, source: string): CopyAction {
  const { at, from, common, parents, add } = transferring;
  checkIgnored(transferring, source);
  const os = osOf(at.state);
  const pivot = source.indexOf('/./');
  const base = !parents ? source : pivot < 0 ? '/' : source.slice(0, pivot);
  const pattern = pivot < 0 ? source : source.slice(pivot + 3);
  const include = parents ? [withDriveGone(() => normalizePath('/', pattern, os, false)).replace(/^\//, '')] : [];
  return {
    ...common,
    kind: 'copy',
    from,
    source: actionPath(
      withDriveGone(() => normalizePath('/', base, os, false)),
      false,
    ),
    pattern: true,
    unpack: add !== undefined && (add.unpack ?? true),
    ...(include.length === 0 ? {} : { include }),
  };
}

export function withDriveGone<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw prefixed(error, 'removing drive letter');
  }
}

function checkIgnored({ at, add, ofContext }: Transferring, source: string): void {
  const { linter, ignored } = at.conversion;
  if (!ofContext || !ignored.matches(source)) return;
  const command = add === undefined ? 'Copy' : 'Add';
  linter.report(
    'CopyIgnoredFile',
    at.command.step.lines,
    `Attempting to ${command} file ${quoted(source)} that is excluded by .dockerignore`,
  );
}
