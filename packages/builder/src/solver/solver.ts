import { sha256 } from '@gantry/oci';
import { after, failedPrecondition, type Logger, notFound } from '@gantry/rpc';
import { type Edge, type Vertex, verticesOf } from '../llb';
import type { Refs } from '../refs/ref';
import type { Sessions } from '../session/session';
import { Evaluator, type ImportedKeys } from './evaluate';
import { type Job, type JobOptions, type JobParts, makeJob } from './job';
import type { Op } from './op';
import { Slots } from './slots';
import { Step } from './step';
import type { StoredKeys } from './store/stored-keys';
import { type SubSolver, subSolver } from './sub-solve';

export interface SolverParts {
  readonly keys: StoredKeys;
  readonly refs: Pick<Refs, 'get'>;
  readonly sessions: Sessions;
  readonly logger: Logger;
  /** How many steps run at once. */
  readonly parallelism: number;
  /** Makes the op of a vertex; `sub` solves what the op asks for while it runs. */
  makeOp(vertex: Vertex, sub: SubSolver): Op;
}

export interface Solver {
  /** A new build. Rejects with failedPrecondition when there is one of this id. */
  job(options: JobOptions): Job;
  /** The build of this id, waited for a moment: clients ask for the progress before the build has begun. Rejects with notFound. */
  find(id: string, waitMs?: number): Promise<Job>;
  /** Builds that have not ended. */
  jobs(): readonly Job[];
}

/** How long the progress of a build can still be asked for when it has ended. */
const REMEMBER_MS = 10_000;

/** Holds the steps that builds are at, each once. */
export function makeSolver(parts: SolverParts): Solver {
  const active = new Map<string, Step>();
  const jobs = new Map<string, Job>();
  const waiting = new Map<string, Set<(job: Job) => void>>();
  const slots = new Slots(parts.parallelism);
  const evaluator: Evaluator = new Evaluator({
    ...parts,
    slots,
    makeOp: (vertex, step) => parts.makeOp(vertex, subSolver(jobParts, step)),
  });

  /** Steps of an edge, inputs first. A step that must run anew serves those that need not, but not the other way round. */
  function load(edge: Edge, imports: readonly ImportedKeys[]): ReadonlyMap<string, Step> {
    const steps = new Map<string, Step>();
    for (const vertex of verticesOf(edge)) {
      const anew = sha256(`${vertex.digest}-ignorecache`);
      const plain = active.get(vertex.digest);
      let step = active.get(anew) ?? (plain !== undefined && vertex.ignoreCache && !plain.vertex.ignoreCache ? undefined : plain);
      if (step === undefined) {
        const digest = plain === undefined ? vertex.digest : anew;
        const inputs = vertex.inputs.flatMap((input) => {
          const from = steps.get(input.vertex.digest);
          return from === undefined ? [] : [{ step: from, index: input.index }];
        });
        active.set(digest, (step = new Step(vertex, digest, inputs)));
      }
      for (const store of imports) step.imports.add(store);
      steps.set(vertex.digest, step);
    }
    return steps;
  }

  const jobParts: JobParts = {
    evaluator,
    load,
    sessions: parts.sessions,
    logger: parts.logger,
    drop(step) {
      step.dispose();
      if (active.get(step.digest) === step) active.delete(step.digest);
    },
    ended(job) {
      after(REMEMBER_MS, () => jobs.get(job.id) === job && jobs.delete(job.id), { ref: false });
    },
  };

  return {
    job(options) {
      if (jobs.has(options.id)) throw failedPrecondition(`job ID ${options.id} exists`);
      const job = makeJob(jobParts, options);
      jobs.set(options.id, job);
      for (const tell of waiting.get(options.id) ?? []) tell(job);
      waiting.delete(options.id);
      return job;
    },
    async find(id, waitMs = 6000) {
      const present = jobs.get(id);
      if (present !== undefined) return present;
      return new Promise((resolve, reject) => {
        const tell = (job: Job): void => {
          timer.cancel();
          resolve(job);
        };
        const timer = after(waitMs, () => {
          waiting.get(id)?.delete(tell);
          if (waiting.get(id)?.size === 0) waiting.delete(id);
          reject(notFound(`no such job ${id}`));
        });
        waiting.set(id, (waiting.get(id) ?? new Set()).add(tell));
      });
    },
    jobs: () => [...jobs.values()].filter((job) => !job.ended),
  };
}
