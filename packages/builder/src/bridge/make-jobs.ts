import type { StatusResponse } from '@gantry/api/moby/buildkit/v1/control';
import type { CallContext, Logger } from '@gantry/rpc';
import { Trail } from '../attest/trail';
import { type UsageRecord, UsageSampler } from '../attest/usage/sampler';
import type { Frontend, SolveWish } from '../frontend/frontend';
import { permit, permitProcess, type RefusedDevices } from '../llb/permit';
import { policyWith } from '../llb/policy';
import type { Refs } from '../refs/ref';
import { sessionGroup } from '../session/group';
import type { Sessions } from '../session/session';
import type { ImportedKeys, Job as SolverJob, Solver } from '../solver';
import type { Job, Jobs, JobWish } from '../solver/jobs';
import type { Source } from '../sources/source';
import { makeBridge } from './bridge';
import { TreeFiles } from './tree-files';

export interface JobsParts {
  readonly solver: Solver;
  readonly sessions: Sessions;
  readonly frontends: ReadonlyMap<string, Frontend>;
  readonly sources: readonly Source[];
  readonly refs: Pick<Refs, 'withTree' | 'dropCacheTrees'>;
  readonly logger: Logger;
  readonly refusedDevices?: RefusedDevices;
  /** What a build that is over told, where there is a record of it. */
  readonly past?: (ctx: CallContext, id: string) => Promise<AsyncIterable<StatusResponse> | undefined>;
  /** Reads the caches that a solve names. */
  readonly importCaches: (ctx: CallContext, job: SolverJob, wishes: SolveWish['cacheImports']) => Promise<readonly ImportedKeys[]>;
}

const jobs = new WeakMap<Job, SolverJob>();
const usages = new WeakMap<Job, UsageRecord>();

/** The solver's side of a build. */
export function solverJob(job: Job): SolverJob | undefined {
  return jobs.get(job);
}

/** How busy the host is while a build runs. */
export function usageOf(job: Job): UsageRecord | undefined {
  return usages.get(job);
}

/** Builds as Control sees them. */
export function makeJobs(parts: JobsParts): Jobs {
  const usage = new UsageSampler();
  const files = new TreeFiles(parts.refs);
  return {
    open(_ctx, wish) {
      return openJob({ ...parts, files, usage }, wish);
    },
    async *status(ctx, id, how) {
      const past = await parts.past?.(ctx, id);
      yield* past ?? (await parts.solver.find(id)).status(ctx.signal, how);
    },
  };
}

interface OwnParts extends JobsParts {
  readonly files: TreeFiles;
  readonly usage: UsageSampler;
}

function openJob(parts: OwnParts, { id, sessionId, entitlements, sourcePolicy: rules }: JobWish): Job {
  const sessionIds = sessionId === '' ? [] : [sessionId];
  const policy = policyWith(rules === undefined ? [] : [rules]);
  const inner = parts.solver.job({ id, sessionIds });
  const usage = parts.usage.record();
  const sessions = sessionGroup(parts.sessions, () => sessionIds);
  const job: Job = {
    id,
    sessions,
    bridge: makeBridge(
      {
        ...parts,
        job: inner,
        sessions,
        policy,
        permit: permit(entitlements, parts.refusedDevices),
        permitProcess: permitProcess(entitlements, parts.refusedDevices),
        imports: (ctx, wishes) => (wishes.length === 0 ? Promise.resolve([]) : parts.importCaches(ctx, inner, wishes)),
      },
      new Trail(),
    ),
    step: (ctx, name, run) => inner.inStep(ctx, name, ({ progress }) => run(progress)),
    endProgress: () => inner.progress.close(),
    close: () => {
      usage.end();
      return inner.close();
    },
  };
  jobs.set(job, inner);
  usages.set(job, usage);
  return job;
}
