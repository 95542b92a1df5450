import { randomUUID } from 'node:crypto';
import type { StatusResponse } from '@gantry/api/moby/buildkit/v1/control';
import type { Definition, ProgressGroup } from '@gantry/api/pb/ops';
import { sha256 } from '@gantry/oci';
import { asGantryError, type CallContext, type Logger, prefixed } from '@gantry/rpc';
import { type Edge, type ReadOptions, readDefinition } from '../llb';
import { JobProgress } from '../progress/job-progress';
import { StepTrack } from '../progress/step-track';
import type { Ref } from '../refs/ref';
import type { Sessions } from '../session/session';
import type { Waiter } from './demand';
import type { Evaluator, ImportedKeys } from './evaluate';
import type { StepContext } from './op';
import { sessionGroup } from '../session/group';
import { withSources } from './source-detail';
import type { Complete, Step } from './step';

export interface JobOptions {
  readonly id: string;
  /** Sessions of the client, that of the build first. */
  readonly sessionIds: readonly string[];
}

export interface SolveOptions extends ReadOptions {
  /** Caches that the client named. */
  readonly imports?: readonly ImportedKeys[];
}

/** What a solve came to. */
export interface Solved {
  /** A hold of the tree, given to the caller. */
  readonly ref: Ref | undefined;
  /** The step and its output; undefined for scratch. */
  readonly step: Step | undefined;
  readonly index: number;
}

/** One build: everything that it solves stays held until it is closed. */
export interface Job {
  readonly id: string;
  readonly sessionIds: readonly string[];
  readonly ended: boolean;
  /** A name that the client could not choose. */
  readonly invocation: string;
  readonly started: Date;
  /** Reads and solves a definition. The empty one is scratch. When the context is cancelled, what nobody else waits for is stopped. */
  solve(ctx: CallContext, definition: Definition | undefined, options?: SolveOptions): Promise<Solved>;
  solveEdge(ctx: CallContext, edge: Edge | undefined, options?: SolveOptions): Promise<Solved>;
  /** Shows a step of the builder's own (loading a definition, exporting) while something is done. */
  inStep<T>(ctx: CallContext, name: string, run: (step: StepContext) => Promise<T>, group?: ProgressGroup): Promise<T>;
  /** Joins a track of another's making, such as a warning's. */
  track(digest: string): StepTrack | undefined;
  status(signal: AbortSignal, how?: { readonly prompt?: boolean }): AsyncGenerator<StatusResponse>;
  readonly progress: JobProgress;
  /** Ends the build: waits for what was cut short, and lets go of all that is held. */
  close(): Promise<void>;
}

/** What a build needs of the solver. */
export interface JobParts {
  readonly evaluator: Evaluator;
  readonly sessions: Sessions;
  readonly logger: Logger;
  load(edge: Edge, imports: readonly ImportedKeys[]): ReadonlyMap<string, Step>;
  /** Nobody has the step any more. */
  drop(step: Step): void;
  ended(job: Job): void;
}

export function makeJob(parts: JobParts, { id, sessionIds }: JobOptions): Job {
  const progress = new JobProgress();
  const steps = new Set<Step>();
  const kept: { release(): void }[] = [];
  const hold = (held: { release(): void }): void => {
    if (ended) held.release();
    else kept.push(held);
  };
  let ended = false;
  const job: Job = {
    id,
    sessionIds,
    progress,
    invocation: randomUUID().replaceAll('-', ''),
    started: new Date(),
    get ended() {
      return ended;
    },
    async solve(ctx, definition, options = {}) {
      try {
        return await job.solveEdge(ctx, await read(definition, options), options);
      } catch (error) {
        throw withSources(error, definition?.Source);
      }
    },
    async solveEdge(ctx, edge, { imports = [], ...reading } = {}) {
      if (edge === undefined) return { ref: undefined, step: undefined, index: 0 };
      const loaded = parts.load(edge, imports);
      const root = loaded.get(edge.vertex.digest);
      for (const step of loaded.values()) {
        step.reading = reading;
        adopt(step, { steps, progress, job });
      }
      if (root === undefined) return { ref: undefined, step: undefined, index: 0 };
      const { ref } = await whileWanted(ctx, [...loaded.values()], { sessionIds, traceparent: ctx.traceparent }, () =>
        parts.evaluator.complete(root, edge.index),
      );
      return { ref: ref?.clone(), step: root, index: edge.index };
    },
    async inStep(ctx, name, run, progressGroup) {
      const track = new StepTrack({ digest: sha256(randomUUID()), name, inputs: [], progressGroup });
      track.join(progress);
      track.start();
      const sessions = sessionGroup(parts.sessions, () => sessionIds);
      try {
        const value = await run({ call: ctx, sessions, progress: track, hold, ignoreCache: false });
        track.complete();
        return value;
      } catch (error) {
        track.complete({ error: asGantryError(error).message });
        throw error;
      }
    },
    track: (digest) => [...steps].find((step) => step.digest === digest || step.vertex.origin === digest)?.track,
    status: (signal, how) => progress.watch(signal, how),
    async close() {
      if (ended) return;
      ended = true;
      await Promise.all([...steps].map((step) => (step.demand.wanted ? undefined : step.settled())));
      for (const step of steps) {
        step.track.leave(progress);
        step.jobs.delete(job);
        if (step.jobs.size === 0) parts.drop(step);
      }
      steps.clear();
      for (const held of kept.splice(0)) held.release();
      progress.close();
      parts.ended(job);
    },
  };
  return job;
}

async function read(definition: Definition | undefined, options: ReadOptions): Promise<Edge | undefined> {
  try {
    return await readDefinition(definition, options);
  } catch (error) {
    throw prefixed(error, 'failed to load LLB');
  }
}

/** The build has the step, and what the step has solved. */
function adopt(first: Step, { steps, progress, job }: { steps: Set<Step>; progress: JobProgress; job: object }): void {
  const stack = [first];
  for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
    if (steps.has(step)) continue;
    steps.add(step);
    step.jobs.set(job, (child) => adopt(child, { steps, progress, job }));
    step.track.join(progress);
    stack.push(...step.children);
  }
}

/** Waits for steps in the name of one who may leave: then the others go on, and what nobody waits for is stopped. */
export async function whileWanted(
  { signal }: Pick<CallContext, 'signal'>,
  steps: readonly Step[],
  waiter: Waiter,
  run: () => Promise<Complete>,
): Promise<Complete> {
  signal.throwIfAborted();
  for (const { demand } of steps) demand.join(waiter);
  let leave: () => void = () => undefined;
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([run(), left]);
  } finally {
    signal.removeEventListener('abort', leave);
    for (const { demand } of steps) demand.leave(waiter);
  }
}
