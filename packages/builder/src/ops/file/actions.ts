import type { FileAction, FileActionCopy } from '@gantry/api/pb/ops';
import type { TreeRequest } from '@gantry/native';
import { invalidArgument } from '@gantry/rpc';
import { parseMode } from './mode';
import type { Owner } from './owner';

/** Adds an action to a plan of the C program. `to` and `from` are numbers of the plan's trees. */
export function addAction(
  plan: TreeRequest,
  action: FileAction,
  { to, from, owner }: { readonly to: number; readonly from: number; readonly owner: Owner | undefined },
): void {
  const begin = (letter: string): TreeRequest => plan.number(letter.charCodeAt(0)).number(to);
  if (action.mkdir !== undefined) {
    const { path, mode, makeParents, timestamp } = action.mkdir;
    look(begin('d').text(path).number(mode).number(makeParents), owner, timestamp);
  } else if (action.mkfile !== undefined) {
    const { path, mode, data, timestamp } = action.mkfile;
    look(begin('f').text(path).number(mode).text(data), owner, timestamp);
  } else if (action.symlink !== undefined) {
    const { oldpath, newpath, timestamp } = action.symlink;
    look(begin('l').text(oldpath).text(newpath), owner, timestamp);
  } else if (action.rm !== undefined) {
    const { path, allowNotFound, allowWildcard } = action.rm;
    begin('r').text(path).number(allowNotFound).number(allowWildcard);
  } else if (action.copy !== undefined) addCopy(begin('c').number(from), action.copy, owner);
  else throw invalidArgument('file action is missing');
}

function addCopy(plan: TreeRequest, copy: FileActionCopy, owner: Owner | undefined): void {
  plan.text(cleanPath(copy.src)).text(cleanPath(copy.dest));
  for (const flag of [
    copy.followSymlink,
    copy.dirCopyContents,
    copy.createDestPath,
    copy.allowWildcard,
    copy.allowEmptyWildcard,
    copy.alwaysReplaceExistingDestPaths,
  ])
    plan.number(flag);
  plan.number(copy.mode);
  const changes = copy.modeStr === '' ? [] : parseMode(copy.modeStr);
  plan.number(changes.length);
  for (const { command, where, bits } of changes) plan.number(command.charCodeAt(0)).number(where).number(bits);
  look(plan, owner, copy.timestamp);
  plan.texts(copy.includePatterns).texts(copy.excludePatterns).texts(copy.requiredPaths);
}

function look(plan: TreeRequest, owner: Owner | undefined, timestamp: bigint): void {
  plan
    .number(owner?.uid ?? -1)
    .number(owner?.gid ?? -1)
    .number(timestamp);
}

/** From the root, without `.` and `..`; what a slash or `/.` at the end says stays. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  const clean = `/${parts.join('/')}`;
  if (path.endsWith('/.')) return clean === '/' ? '/.' : `${clean}/.`;
  return path.endsWith('/') && clean !== '/' ? `${clean}/` : clean;
}
