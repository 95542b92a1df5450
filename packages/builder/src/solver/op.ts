import type { CallContext } from '@gantry/rpc';
import type { StepProgress } from '../progress/progress';
import type { Ref } from '../refs/ref';
import type { SessionGroup } from '../session/session';

/** What a step is given: deadline and cancellation, those who wait for it, and its progress. */
export interface StepContext {
  /** Cancelled when nobody waits for the step any more. */
  readonly call: CallContext;
  readonly sessions: SessionGroup;
  readonly progress: StepProgress;
  /** Keeps something for as long as a build has the step. */
  hold(held: { release(): void }): void;
  /** The solve was asked not to use the cache for this step (`--no-cache`). */
  readonly ignoreCache: boolean;
}

/** What a step's key is made of. Two steps of the same digest whose inputs are the same are the same step. */
export interface CacheMap {
  /** Digest over everything that the definition says and that the outcome hangs on. */
  readonly digest: string;
  /** One an input, in order. */
  readonly inputs: readonly CacheInput[];
}

export interface CacheInput {
  /** The part of the input that is looked at, in words of the op; it is a part of the key. */
  readonly selector?: string;
  /** Digest of that part of the input's files: with it the step is the same although the input was made in another way. Undefined: the definition alone counts. */
  readonly contentDigest?: (step: StepContext, input: Ref | undefined) => Promise<string | undefined>;
}

/** One step of a build: an op of LLB with what it needs from the machine. */
export interface Op {
  /**
   * The key of the step. A source resolves its name here (a tag to a digest, a branch to a commit): called once a build, and again only in another build. Several
   * maps: a later one is looked up only when the earlier ones found nothing (a step that can be known cheaply or exactly).
   */
  cacheMaps(step: StepContext): AsyncIterable<CacheMap>;
  /** Does the work. Holds of inputs are the caller's; the outputs' are given to the caller. Rejecting with what `leaving` made carries trees for the client, and so does an `execError` an exit code. */
  run(step: StepContext, inputs: readonly (Ref | undefined)[]): Promise<readonly (Ref | undefined)[]>;
  /** How many of the slots for parallel work the step takes while it runs; 0 for what only waits. Default 1. */
  readonly weight?: number;
  /** Of a source: what its name stood for (a digest, a commit), once its key was asked for; provenance tells it. */
  readonly pin?: () => string | undefined;
}

/** Makes the op of a vertex. One for each kind of op. */
export type OpMaker<Definition> = (definition: Definition, about: VertexAbout) => Op;

/** What an op may know of its vertex beside its definition. */
export interface VertexAbout {
  readonly digest: string;
  readonly name: string;
  /** How many inputs the vertex has. */
  readonly inputs: number;
  readonly platform:
    { readonly os: string; readonly architecture: string; readonly variant: string; readonly osVersion: string } | undefined;
  readonly description: Readonly<Record<string, string>>;
}
