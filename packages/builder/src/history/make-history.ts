import { newContext, type Logger } from '@gantry/rpc';
import type { KnownTrees } from '../attest/build-config';
import { recordStatements } from '../attest/statements';
import { solverJob } from '../bridge/make-jobs';
import type { Store } from '../store';
import type { TraceStore } from '../traces/trace-store';
import type { Services } from '../worker/services';
import { HistoryBlobs } from './blobs';
import { BuildHistory } from './history';
import { HistoryRecords } from './records';

export interface HistoryOptions {
  readonly store: Store;
  readonly services: Pick<Services, 'content' | 'leases' | 'inStore'>;
  readonly refs: KnownTrees['refs'];
  readonly keys: KnownTrees['keys'];
  readonly logger: Logger;
  readonly traces: Pick<TraceStore, 'listen'>;
  /** Records that always stay, and how old the others may become. */
  readonly keep?: { readonly entries: number; readonly ageMs: number };
}

/** As long as BuildKit waits. */
const TRACE_WAIT_MS = 3000;
const KEEP = { entries: 50, ageMs: 48 * 60 * 60 * 1000 };

/** Records of builds, in the builder's store and the content store. `start` lets go of what a crash has left in one of them without the other. */
export function makeHistory({
  store,
  services,
  refs,
  keys,
  logger,
  traces,
  keep = KEEP,
}: HistoryOptions): BuildHistory & { start(): Promise<void> } {
  const records = new HistoryRecords(store);
  const blobs = new HistoryBlobs(services, logger);
  const history = new BuildHistory({
    records,
    blobs,
    logger,
    keep,
    traces,
    traceWaitMs: TRACE_WAIT_MS,
    progressOf: (job) => solverJob(job)?.progress,
    statements: recordStatements({ refs, keys }),
  });
  return Object.assign(history, {
    async start() {
      const ctx = newContext({ logger });
      const held = await blobs.held(ctx);
      for (const ref of records.lost(held)) records.remove(ref);
      const named = records.blobs();
      await blobs.drop(
        ctx,
        [...held].filter((digest) => !named.has(digest)),
      );
      await history.collect(ctx);
    },
  });
}
