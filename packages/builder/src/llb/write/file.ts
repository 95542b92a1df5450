import type { ChownOpt, FileAction } from '@gantry/api/pb/ops';
import type { About, Output, Tree } from './graph';

/** Who a file belongs to, by number or by name; names are looked up in the tree that the action works on. */
export interface Owner {
  readonly user: number | string | undefined;
  readonly group: number | string | undefined;
}

export interface CopyAction {
  readonly kind: 'copy';
  readonly from: Tree;
  readonly source: string;
  readonly dest: string;
  readonly owner?: Owner;
  /** Permissions as a number, or in chmod's symbolic form. */
  readonly mode?: number | string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly unpack?: boolean;
  /** The source is a pattern, links are followed, and of a folder what is in it is copied. */
  readonly pattern?: boolean;
  /** Of a folder what is in it is copied. */
  readonly contentsOnly?: boolean;
  readonly createDest: boolean;
  /** Nothing is copied where the source is not there. */
  readonly ifThere?: boolean;
}

export type Action =
  | CopyAction
  /** What is not there need not go. */
  | { readonly kind: 'rm'; readonly path: string }
  | { readonly kind: 'mkfile'; readonly path: string; readonly mode: number; readonly data: Buffer }
  | {
      readonly kind: 'mkdir';
      readonly path: string;
      readonly mode: number;
      readonly parents: boolean;
      readonly owner?: Owner;
      /** Seconds since 1970 of its times; else those of the moment. */
      readonly time?: number;
    };

/** Does actions one after the other on a tree; the outcome of the last one is the outcome. */
export function file(base: Tree, actions: readonly Action[], about: About): Output {
  const inputs = [base, ...actions.flatMap((action) => (action.kind === 'copy' ? [action.from] : []))];
  const caps = new Set(['file.base']);
  for (const action of actions) {
    if (action.kind !== 'copy') continue;
    if ((action.include ?? []).length + (action.exclude ?? []).length > 0) caps.add('file.copy.includeexcludepatterns');
    if (typeof action.mode === 'string') caps.add('file.copy.modestring');
  }
  const vertex = {
    inputs,
    op: (index: (tree: Tree) => bigint) => {
      const own = index(base);
      const count = inputs.reduce((most, tree) => Math.max(most, Number(index(tree)) + 1), 0);
      const made = actions.map((action, at): FileAction => ({
        input: at === 0 ? own : BigInt(count + at - 1),
        secondaryInput: action.kind === 'copy' ? index(action.from) : -1n,
        output: at === actions.length - 1 ? 0n : -1n,
        ...encode(action, own),
      }));
      return { file: { actions: made } };
    },
    about: { ...about, caps: [...(about.caps ?? []), ...caps] },
  };
  return { vertex, index: 0 };
}

const NO_TIME = -1n;

function encode(action: Action, base: bigint): Partial<FileAction> {
  switch (action.kind) {
    case 'rm':
      return { rm: { path: action.path, allowNotFound: true, allowWildcard: false } };
    case 'mkfile':
      return { mkfile: { path: action.path, mode: action.mode, data: action.data, owner: undefined, timestamp: NO_TIME } };
    case 'mkdir': {
      const { path, mode, parents, owner, time } = action;
      const timestamp = time === undefined ? NO_TIME : BigInt(time) * 1_000_000_000n;
      return { mkdir: { path, mode, makeParents: parents, owner: ownerOf(owner, base), timestamp } };
    }
    case 'copy': {
      const { mode, pattern = false, ifThere = false } = action;
      return {
        copy: {
          src: ifThere ? asPattern(action.source) : action.source,
          dest: action.dest,
          owner: ownerOf(action.owner, base),
          mode: typeof mode === 'number' ? mode : mode === undefined ? -1 : 0,
          modeStr: typeof mode === 'string' ? mode : '',
          followSymlink: pattern,
          dirCopyContents: pattern || (action.contentsOnly ?? false),
          attemptUnpackDockerCompatibility: action.unpack ?? false,
          createDestPath: action.createDest,
          allowWildcard: pattern || ifThere,
          allowEmptyWildcard: pattern || ifThere,
          timestamp: NO_TIME,
          includePatterns: [...(action.include ?? [])],
          excludePatterns: [...(action.exclude ?? [])],
          alwaysReplaceExistingDestPaths: false,
          requiredPaths: [],
        },
      };
    }
  }
}

/** A pattern that matches the path and nothing else: only patterns may match nothing. */
const asPattern = (path: string): string => path.replace(/[\\*?[]/g, '\\$&').replace(/\/([^/\\])([^/]*)$/, '/[$1]$2');

function ownerOf(owner: Owner | undefined, base: bigint): ChownOpt | undefined {
  if (owner === undefined) return undefined;
  const one = (who: number | string | undefined): ChownOpt['user'] =>
    who === undefined ? undefined : typeof who === 'number' ? { byID: who } : { byName: { name: who, input: base } };
  return { user: one(owner.user), group: one(owner.group) };
}
