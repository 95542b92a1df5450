import type { ReadOptions, Vertex } from '../llb';
import { StepTrack } from '../progress/step-track';
import type { Ref } from '../refs/ref';
import { Demand } from './demand';
import type { Found, KeyStore } from './key-store';
import { Memo } from './memo';
import type { CacheMap, Op } from './op';

/** The outcome of one output: the tree (a hold of the step's, undefined for scratch) and its keys in the builder's own store. */
export interface Complete {
  readonly ref: Ref | undefined;
  readonly keys: readonly number[];
}

/** What is known of one output so far. */
export class Output {
  readonly fast = new Memo<Found>();
  readonly slow = new Memo<Found>();
  readonly complete = new Memo<Complete>();
  /** Keys of the builder's own store, once the output is complete or was looked up. */
  keys: readonly number[] = [];
  /** Once complete. */
  result: Complete | undefined;
}

/** All inputs of a step, with the digests of their contents where the maps ask for them: by map, by input. */
export interface Ready {
  readonly inputs: readonly Complete[];
  readonly contents: readonly (readonly (string | undefined)[])[];
}

export interface Input {
  readonly step: Step;
  readonly index: number;
}

/** A vertex at work, shared by all builds that have it. */
export class Step {
  readonly track: StepTrack;
  readonly demand: Demand;
  /** Maps of the op so far; `mapsDone` when there are no more. */
  readonly maps: CacheMap[] = [];
  mapsDone = false;
  readonly mapMemos: Memo<CacheMap | undefined>[] = [];
  readonly contents = new Map<string, Memo<string | undefined>>();
  readonly ready = new Memo<Ready>();
  readonly ran = new Memo<readonly Complete[]>();
  op: Op | undefined;
  mapIterator: AsyncIterator<CacheMap> | undefined;
  /** Runs of the op that have not come back, those of whom nobody waits any more among them. */
  readonly work = new Set<Promise<unknown>>();
  /** Builds that have the step, each with the way to give it another one. */
  readonly jobs = new Map<object, (child: Step) => void>();
  /** Steps that the step itself has solved. */
  readonly children = new Set<Step>();
  /** How definitions of the client are read, those that the step solves too. */
  reading: ReadOptions = {};
  /** Caches that clients named, beside the builder's own. */
  readonly imports = new Set<KeyStore>();
  /** What the step holds until no build has it any more: trees above all. */
  readonly held: { release(): void }[] = [];
  readonly outputs = new Map<number, Output>();

  constructor(
    readonly vertex: Vertex,
    /** The vertex's digest, or another where the step must not be the one that came from the cache. */
    readonly digest: string,
    readonly inputs: readonly Input[],
  ) {
    this.track = new StepTrack({
      digest,
      name: vertex.name,
      inputs: inputs.map(({ step }) => step.digest),
      progressGroup: vertex.progressGroup,
    });
    this.demand = new Demand(() => this.forgetUndone());
  }

  output(index: number): Output {
    let output = this.outputs.get(index);
    if (output === undefined) this.outputs.set(index, (output = new Output()));
    return output;
  }

  hold(ref: Ref | undefined): Ref | undefined {
    if (ref !== undefined) this.held.push(ref);
    return ref;
  }

  holdAll(refs: readonly Ref[]): void {
    this.held.push(...refs);
  }

  /** Nobody has the step any more. */
  dispose(): void {
    for (const held of this.held.splice(0)) held.release();
  }

  /** What is still under way, if anything; never rejects. */
  async settled(): Promise<void> {
    while (this.work.size > 0) await Promise.allSettled(this.work);
  }

  /** Nobody waits: failures are not remembered, and what was cut short begins anew. */
  private forgetUndone(): void {
    for (const memo of [...this.mapMemos, ...this.contents.values(), this.ready, this.ran]) memo.forgetUndone();
    for (const { fast, slow, complete } of this.outputs.values()) for (const memo of [fast, slow, complete]) memo.forgetUndone();
    if (!this.mapsDone) {
      this.maps.length = 0;
      this.mapMemos.length = 0;
      this.mapIterator = undefined;
    }
  }
}
