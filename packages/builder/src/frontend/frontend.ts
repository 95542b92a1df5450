import type { Definition, SourceOp } from '@gantry/api/pb/ops';
import type { ResolveSourceMetaRequest, ResolveSourceMetaResponse } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import type { Policy } from '@gantry/api/moby/buildkit/v1/sourcepolicy/policy';
import { type CallContext, GantryError, invalidArgument, isGantryError } from '@gantry/rpc';
import type { Warning } from '../progress/progress';
import type { Ref } from '../refs/ref';
import type { SessionGroup } from '../session/session';

/** The outcome of a definition; solved when somebody asks for it. */
export interface Outcome {
  /** What it stands for, where it came from a definition. */
  readonly definition: Definition | undefined;
  /** Solves it (once) and gives a hold of the tree; undefined is scratch. */
  tree(ctx: CallContext): Promise<Ref | undefined>;
}

/** A statement about an outcome, for the image index (in-toto). */
export interface Attestation {
  readonly kind: 'in-toto' | 'bundle';
  readonly metadata: ReadonlyMap<string, Buffer>;
  readonly path: string;
  readonly predicateType: string;
  readonly subjects: readonly { readonly kind: 'self' | 'raw'; readonly name: string; readonly digests: readonly string[] }[];
  /** Holds the file that `path` names, unless `content` gives it. */
  readonly tree?: Outcome;
  readonly content?: () => Promise<Buffer>;
}

/** What a frontend made: one tree, or one for each platform, with what is said about it (`containerimage.config`, `refs.platforms` …). */
export interface FrontendResult {
  /** By platform id (`linux/amd64`); a build for one platform without an index uses ''. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  readonly metadata: ReadonlyMap<string, Buffer>;
  readonly attestations: ReadonlyMap<string, readonly Attestation[]>;
}

export interface SolveWish {
  readonly definition?: Definition;
  readonly frontend: string;
  readonly options: ReadonlyMap<string, string>;
  readonly inputs: ReadonlyMap<string, Definition>;
  /** Solve now, not when somebody asks for the tree. */
  readonly evaluate: boolean;
  readonly cacheImports: readonly { readonly type: string; readonly attributes: ReadonlyMap<string, string> }[];
  /** Rules over the definition's sources, beside those of the build. */
  readonly policies?: readonly Policy[];
}

/** The wish for what a definition stands for, and no more; made when somebody asks for the tree. */
export const wishFor = (definition: Definition): SolveWish => ({
  definition,
  frontend: '',
  options: new Map(),
  inputs: new Map(),
  evaluate: false,
  cacheImports: [],
});

/** What a frontend can ask of the builder: the LLBBridge, in this process. */
export interface FrontendBridge {
  resolveSource(ctx: CallContext, request: ResolveSourceMetaRequest): Promise<ResolveSourceMetaResponse>;
  /** Digest and config (JSON) of an image by reference, for a platform. */
  resolveImage(
    ctx: CallContext,
    reference: string,
    wish: ImageWish,
  ): Promise<{ readonly reference: string; readonly digest: string; readonly config: Buffer }>;
  solve(ctx: CallContext, wish: SolveWish): Promise<FrontendResult>;
  readFile(ctx: CallContext, outcome: Outcome, path: string, range?: { readonly offset: number; readonly length: number }): Promise<Buffer>;
  readDir(ctx: CallContext, outcome: Outcome, path: string, include: string): Promise<readonly FileStat[]>;
  statFile(ctx: CallContext, outcome: Outcome, path: string): Promise<FileStat>;
  warn(vertex: string, warning: Warning): void;
  /** Throws forbidden for a process that asks for more than the build was granted. */
  permit(asked: AskedRights): void;
  /** A step without work, for the progress display: what the frontend decided (`[internal] …`). */
  note(name: string): void;
}

/** What a process may ask for beyond the usual. */
export interface AskedRights {
  readonly hostNetwork: boolean;
  readonly insecure: boolean;
  readonly devices: readonly { readonly name: string; readonly optional: boolean }[];
}

export interface ImageWish {
  readonly platform:
    { readonly os: string; readonly architecture: string; readonly variant: string; readonly osVersion: string } | undefined;
  /** `default`: the registry first where the image is not here, `pull`: always the registry, `local`: never. */
  readonly mode: 'default' | 'pull' | 'local';
  /** Name of the step that resolves, for the progress. */
  readonly logName: string;
  /** The store that an oci-layout reference names. */
  readonly layout?: { readonly sessionId: string; readonly storeId: string };
  /** Rules over sources, beside those of the build. */
  readonly policies?: readonly Policy[];
}

const UPDATED = 'updatedSource';

/** An image was asked for, and a policy put something else in its place. */
export function notAnImage(reference: string, updated: string): GantryError {
  const { kind, message } = invalidArgument(`ref mutated by policy to non-image: ${reference} -> ${updated}`);
  return new GantryError(kind, message, { meta: { [UPDATED]: updated } });
}

/** What is in an image's place, by the error that tells so. */
export function otherThanImage(error: unknown): string | undefined {
  const updated = isGantryError(error) ? error.meta[UPDATED] : undefined;
  return typeof updated === 'string' ? updated : undefined;
}

/** A file's status as fsutil's wire has it. */
export interface FileStat {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: bigint;
  readonly modTime: bigint;
  readonly linkname: string;
}

/** Turns options and files into a definition and an image config. */
export interface Frontend {
  solve(
    ctx: CallContext,
    bridge: FrontendBridge,
    options: ReadonlyMap<string, string>,
    inputs: ReadonlyMap<string, Definition>,
    sessions: SessionGroup,
  ): Promise<FrontendResult>;
}

export type { SourceOp };
