import { timestampNow } from '@gantry/api';
import {
  type BuildHistoryEvent,
  BuildHistoryEventType,
  BuildHistoryRecord,
  type BuildHistoryRequest,
  type Descriptor,
  type SolveRequest,
  type StatusResponse,
  type UpdateBuildHistoryRequest,
} from '@gantry/api/moby/buildkit/v1/control';
import { Status } from '@gantry/api/google/rpc/status';
import {
  type CallContext,
  detached,
  detailsOf,
  errorTable,
  errorText,
  invalidArgument,
  type Logger,
  notFound,
  asGantryError,
} from '@gantry/rpc';
import type { BuildOutcome, History } from '../control/needs';
import type { JobProgress } from '../progress/job-progress';
import type { Job } from '../solver/jobs';
import { buildSpan } from '../traces/build-spans';
import type { TraceStore } from '../traces/trace-store';
import type { HistoryBlobs } from './blobs';
import { historyFilter } from './filter';
import { Finalizers } from './finalizers';
import { type BuildTrace, keepTrace } from './keep-trace';
import { logOf } from './logs';
import type { HistoryRecords } from './records';
import { redactAttributes } from './redact';
import { replay } from './replay';
import { stackDetail } from './stack-detail';
import { Subscribers } from './subscribers';

export interface HistoryParts {
  readonly records: HistoryRecords;
  readonly blobs: HistoryBlobs;
  readonly logger: Logger;
  /** What a build told. */
  readonly progressOf: (job: Job) => JobProgress | undefined;
  /** Statements about the results of a build, by platform id ('' for the only one), ready to be written; taken while the build still holds what it made. */
  readonly statements: (job: Job, request: SolveRequest, outcome: BuildOutcome) => Promise<ReadonlyMap<string, readonly Statement[]>>;
  readonly keep: { readonly entries: number; readonly ageMs: number };
  /** What clients tell of their parts of builds. */
  readonly traces: Pick<TraceStore, 'listen'>;
  /** How long a record waits for that when the build is over. */
  readonly traceWaitMs: number;
}

export interface Statement {
  readonly predicateType: string;
  readonly content: () => Promise<Buffer>;
}

const IN_TOTO = 'application/vnd.in-toto+json';
const LOGS = 'application/vnd.buildkit.status.v0';
const ERROR = 'application/vnd.googeapis.google.rpc.status+proto';

/** Records of builds. One that is over is written while its client has its answer already; who asks for it waits for it, but not for its blobs to be in the store. */
export class BuildHistory implements History {
  private readonly active = new Map<string, BuildHistoryRecord>();
  private readonly finishing = new Map<string, Promise<void>>();
  private readonly subscribers = new Subscribers<BuildHistoryEvent>();

  private readonly finalizers: Finalizers;

  constructor(private readonly parts: HistoryParts) {
    this.finalizers = new Finalizers(parts.traceWaitMs);
  }

  begin(ctx: CallContext, job: Job, request: SolveRequest): (outcome: BuildOutcome) => Promise<void> {
    const record = BuildHistoryRecord.fromPartial({
      Ref: request.Ref,
      Frontend: request.Frontend,
      FrontendAttrs: redactAttributes(request.FrontendAttrs),
      Exporters: request.Exporters.map(({ Type, Attrs }) => ({ Type, Attrs: redactAttributes(Attrs) })),
      CreatedAt: timestampNow(),
    });
    const span = buildSpan(ctx);
    const trace: BuildTrace = { span, sent: this.parts.traces.listen(span.traceId) };
    this.active.set(record.Ref, record);
    this.subscribers.tell({ type: BuildHistoryEventType.STARTED, record });
    return async (outcome) => {
      record.CompletedAt = timestampNow();
      job.endProgress();
      const statements = await this.parts.statements(job, request, outcome).catch((error: unknown) => {
        this.parts.logger.warn({ err: error, build: record.Ref }, 'what a build was made of could not be told');
        return new Map<string, readonly Statement[]>();
      });
      const progress = this.parts.progressOf(job);
      const finished = this.finish(detached(ctx), record, { outcome, progress, statements, trace }).catch((error: unknown) =>
        this.parts.logger.warn({ err: error, build: record.Ref }, 'the record of a build could not be written'),
      );
      this.finishing.set(record.Ref, finished);
      void finished.finally(() => this.finishing.get(record.Ref) === finished && this.finishing.delete(record.Ref));
    };
  }

  async *listen(ctx: CallContext, { ActiveOnly, Ref, EarlyExit, Filter, Limit }: BuildHistoryRequest): AsyncGenerator<BuildHistoryEvent> {
    if (Limit < 0) throw invalidArgument(`invalid limit ${Limit}`);
    const matches = historyFilter(Filter);
    await Promise.all(Ref === '' ? this.finishing.values() : [this.finishing.get(Ref)]);
    const events = EarlyExit ? undefined : this.subscribers.subscribe(ctx.signal);
    for (const record of [...this.active.values()])
      if (Ref === '' || record.Ref === Ref) yield { type: BuildHistoryEventType.STARTED, record };
    if (!ActiveOnly) {
      const one = Ref === '' ? undefined : this.parts.records.get(Ref);
      const records = (Ref === '' ? this.parts.records.all() : one === undefined ? [] : [one]).filter(matches);
      for (const record of Limit === 0 ? records : records.slice(0, Limit)) yield { type: BuildHistoryEventType.COMPLETE, record };
    }
    if (events === undefined) return;
    for await (const event of events) if (Ref === '' || event.record?.Ref === Ref) yield event;
  }

  async update(ctx: CallContext, { Ref, Pinned, Delete, Finalize }: UpdateBuildHistoryRequest): Promise<void> {
    await this.finishing.get(Ref);
    if (Delete) {
      await this.finalizers.finish(Ref);
      return this.remove(ctx, Ref);
    }
    if (Finalize) return this.finalizers.finish(Ref);
    const record = this.parts.records.get(Ref);
    if (record === undefined) throw notFound(`failed to retrieve ref ${Ref}: file does not exist`);
    const changed = { ...record, pinned: Pinned, Generation: record.Generation + 1 };
    this.parts.records.change(changed);
    this.subscribers.tell({ type: BuildHistoryEventType.COMPLETE, record: changed });
  }

  /** What a build that is over told, as its record has it; undefined for a build without record. */
  async replay(ctx: CallContext, ref: string): Promise<AsyncGenerator<StatusResponse> | undefined> {
    await this.finishing.get(ref);
    const record = this.parts.records.get(ref);
    return record?.logs && replay(this.parts.blobs.read(ctx, record.logs.digest));
  }

  /** Whether a record names the blob. */
  names(digest: string): boolean {
    return this.parts.records.names(digest);
  }

  /** A blob of a record that is not in the content store yet. */
  inMemory(digest: string): Buffer | undefined {
    return this.parts.blobs.inMemory(digest);
  }

  /** Drops what is beyond number and age. */
  async collect(ctx: CallContext): Promise<void> {
    const { entries, ageMs } = this.parts.keep;
    for (const ref of this.parts.records.expired(entries, Date.now() - ageMs)) await this.remove(ctx, ref);
  }

  /** All that is under way is written. */
  async settled(): Promise<void> {
    while (this.finishing.size > 0) await Promise.all(this.finishing.values());
    await this.finalizers.finishAll();
    await this.parts.blobs.settled();
    this.subscribers.close();
  }

  private async remove(ctx: CallContext, ref: string): Promise<void> {
    const digests = this.parts.records.remove(ref);
    this.subscribers.tell({ type: BuildHistoryEventType.DELETED, record: BuildHistoryRecord.fromPartial({ Ref: ref }) });
    await this.parts.blobs.drop(ctx, digests);
  }

  private async finish(ctx: CallContext, record: BuildHistoryRecord, build: Finished): Promise<void> {
    const { outcome, progress, statements, trace } = build;
    const { blobs, records } = this.parts;
    try {
      record.ExporterResponse = Object.fromEntries(outcome.response ?? []);
      if (progress !== undefined) {
        const log = await logOf(progress);
        record.logs = blobs.add(log.bytes, LOGS);
        record.numCachedSteps = log.cached;
        record.numCompletedSteps = log.completed;
        record.numTotalSteps = log.total;
        record.numWarnings = log.warnings;
      }
      for (const [platform, about] of statements) await this.describe(record, platform, about);
      const led = await this.keepResult(ctx, record, outcome);
      if (outcome.error !== undefined) {
        const status = statusOf(outcome.error);
        record.externalError = blobs.add(Buffer.from(Status.encode(status).finish()), ERROR);
        record.error = { ...status, details: [] };
      }
      records.put(record, led);
    } catch (error) {
      trace.sent.end();
      throw error;
    } finally {
      this.active.delete(record.Ref);
    }
    this.subscribers.tell({ type: BuildHistoryEventType.COMPLETE, record });
    this.finalizers.add(record.Ref, async () => {
      const changed = await keepTrace(this.parts, ctx, { record, trace, progress });
      if (changed !== undefined) this.subscribers.tell({ type: BuildHistoryEventType.COMPLETE, record: changed });
    });
    await this.collect(ctx);
  }

  private async describe(record: BuildHistoryRecord, platform: string, statements: readonly Statement[]): Promise<void> {
    const attestations: Descriptor[] = [];
    for (const { predicateType, content } of statements) {
      const descriptor = this.parts.blobs.add(await content(), IN_TOTO);
      attestations.push({ ...descriptor, annotations: { 'in-toto.io/predicate-type': predicateType } });
    }
    const about = { ResultDeprecated: undefined, Attestations: attestations, Results: new Map<bigint, Descriptor>() };
    if (platform === '') record.Result = about;
    else record.Results[platform] = about;
  }

  /** The image that came out is kept with its record, where the exporter tells it; resolves with the manifests that it leads to. */
  private async keepResult(ctx: CallContext, record: BuildHistoryRecord, { response }: BuildOutcome): Promise<readonly string[]> {
    const descriptor = await this.parts.blobs.result(ctx, response ?? new Map());
    if (descriptor === undefined) return [];
    const { Attestations = [] } = record.Result ?? {};
    record.Result = { ResultDeprecated: descriptor, Attestations, Results: new Map([[0n, descriptor]]) };
    return this.parts.blobs.manifests(ctx, descriptor);
  }
}

interface Finished {
  readonly outcome: BuildOutcome;
  readonly progress: JobProgress | undefined;
  readonly statements: ReadonlyMap<string, readonly Statement[]>;
  readonly trace: BuildTrace;
}

function statusOf(thrown: Error): Status {
  const error = asGantryError(thrown);
  const details = [stackDetail(error), ...detailsOf(error)].map(({ typeUrl, value }) => ({ typeUrl, value }));
  return { code: errorTable[error.kind].grpc, message: errorText(error), details };
}
