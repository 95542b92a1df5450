import type { Op, Platform, Range, SourceInfo } from '@gantry/api/pb/ops';

/** One of the trees that a vertex makes. */
export interface Output {
  readonly vertex: Vertex;
  readonly index: number;
}

/**
 * Where a tree of files comes from: an output of a vertex, or nothing (`undefined`, scratch). A function is asked when the definition is
 * written, once what it depends on is known (the paths of the build context that are used, for example); it must give the same each time.
 */
export type Tree = Output | (() => Tree) | undefined;

/** A step in the making. It is written when its inputs are: the digests of those are part of it. */
export interface Vertex {
  /** All trees that it needs, in the order in which the op counts them; the same tree counts once. */
  readonly inputs: readonly Tree[];
  /** The op's own part; `index` gives an input's number, -1 for scratch. */
  readonly op: (index: (tree: Tree) => bigint) => Partial<Op>;
  readonly about: About;
  /** Bytes of a vertex that came from outside; they are passed on as they are. */
  readonly given?: { readonly bytes: Buffer };
}

/** What is said of a step beside its op. None of it is part of the step's digest, but for the platform. */
export interface About {
  /** What the progress shows. */
  readonly name?: string;
  readonly description?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  readonly ignoreCache?: boolean;
  /** Steps of one group are shown as one. */
  readonly group?: { readonly id: string; readonly name: string; readonly weak: boolean };
  readonly locations?: readonly SourceLocation[];
  readonly caps?: readonly string[];
}

/** Where in a source file a step was asked for. */
export interface SourceLocation {
  readonly source: SourceInfo;
  readonly ranges: readonly Range[];
}

/** The output that a tree stands for in the end. */
export function settled(tree: Tree): Output | undefined {
  let found = tree;
  while (typeof found === 'function') found = found();
  return found;
}
