import type { BuildHistoryRecord } from '@gantry/api/moby/buildkit/v1/control';
import type { CallContext, Logger } from '@gantry/rpc';
import type { JobProgress } from '../progress/job-progress';
import { type BuildSpan, buildSpans } from '../traces/build-spans';
import { stubs } from '../traces/stub';
import type { TraceListener } from '../traces/trace-store';
import type { HistoryBlobs } from './blobs';
import type { HistoryRecords } from './records';

const TRACE = 'application/vnd.buildkit.otlp.json.v0';

export interface BuildTrace {
  readonly span: BuildSpan;
  readonly sent: TraceListener;
}

export interface TracedBuild {
  readonly record: BuildHistoryRecord;
  readonly trace: BuildTrace;
  readonly progress: JobProgress | undefined;
}

/**
 * Puts the spans of a build beside its record: its own and those that its client sent, which is done with them only after it was answered. Resolves with the record;
 * with none where it is gone.
 */
export async function keepTrace(
  { blobs, records, logger }: { readonly blobs: HistoryBlobs; readonly records: HistoryRecords; readonly logger: Logger },
  ctx: CallContext,
  { record: built, trace: { span, sent }, progress }: TracedBuild,
): Promise<BuildHistoryRecord | undefined> {
  try {
    if (records.get(built.Ref) === undefined) return undefined;
    const trace = blobs.add(stubs([...(await buildSpans(span, built, progress)), ...sent.spans()]), TRACE);
    const record = records.get(built.Ref);
    if (record === undefined) {
      if (!records.names(trace.digest)) await blobs.drop(ctx, [trace.digest]);
      return undefined;
    }
    const changed = { ...record, trace, Generation: record.Generation + 1 };
    records.change(changed, { durable: false });
    return changed;
  } catch (error) {
    logger.warn({ err: error, build: built.Ref }, 'the trace of a build could not be kept');
    return undefined;
  } finally {
    sent.end();
  }
}
