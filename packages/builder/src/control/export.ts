import { asGantryError, type CallContext, derive } from '@gantry/rpc';
import type { SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import type { FrontendResult } from '../frontend/frontend';
import type { StepProgress } from '../progress/progress';
import type { Job } from '../solver/jobs';
import type { ControlParts } from './needs';
import { type Outputs, sessionExporters } from './outputs';
import { platformWarnings } from './verify-platforms';

interface Exported {
  readonly job: Job;
  readonly request: SolveRequest;
  readonly result: FrontendResult;
  readonly outputs: Outputs;
  /** Names by which the client may look into the result's trees. */
  readonly refs?: readonly string[];
}

/** Carries the result to all its places, several at once, then the cache to its own. What they tell goes to the client. */
export async function exportAll(parts: ControlParts, ctx: CallContext, exported: Exported): Promise<ReadonlyMap<string, string>> {
  const { job, request, result, outputs, refs = [] } = exported;
  const chosen = request.EnableSessionExporter
    ? await sessionExporters(parts, ctx, { sessionId: request.Session, after: outputs.exporters.length, result, refs })
    : [];
  const inline = outputs.caches.find(({ exporter }) => exporter.inline)?.exporter;
  const inlineCache = async (platform: string): Promise<Buffer | undefined> => inline?.forImage?.(ctx, { result, platform, job });
  const warnings = platformWarnings(new Map(Object.entries(request.FrontendAttrs)), result);
  const warn = (progress: StepProgress): void => {
    for (const short of warnings) progress.warn({ level: 0, short, detail: [], url: '', ranges: [] });
  };
  const told = await allOrNone(
    ctx,
    [...outputs.exporters, ...chosen].map(
      (exporter, at) => (each) =>
        job.step(each, exporter.name, (progress) => {
          if (at === 0) warn(progress);
          return exporter.export(each, { result, sessions: job.sessions, progress, inlineCache, buildRef: request.Ref });
        }),
    ),
  );
  if (told.length === 0 && warnings.length > 0)
    await job.step(ctx, 'Verifying build result', (progress) => Promise.resolve(warn(progress)));
  const caches = outputs.caches.filter(({ exporter }) => !exporter.inline);
  const cacheTold = await allOrNone(
    ctx,
    caches.map(({ exporter, ignoreError }) => async (each) => {
      try {
        return await job.step(each, exporter.name, (progress) => exporter.export(each, { result, job, progress }));
      } catch (error) {
        if (ignoreError && !ctx.signal.aborted) return new Map<string, string>();
        throw error;
      }
    }),
  );
  const response = new Map<string, string>();
  for (const each of told) for (const [key, value] of each) response.set(key, value);
  for (const [key, value] of result.metadata) if (key.startsWith('frontend.')) response.set(key, value.toString());
  for (const each of cacheTold) for (const [key, value] of each) if (key.startsWith('cache.')) response.set(key, value);
  return response;
}

/** Runs all at once; the first failure ends the others and is the answer. */
async function allOrNone<T>(ctx: CallContext, tasks: readonly ((ctx: CallContext) => Promise<T>)[]): Promise<readonly T[]> {
  const failed = new AbortController();
  const each = derive(ctx, { signal: AbortSignal.any([ctx.signal, failed.signal]) });
  const running = tasks.map(async (task) => {
    try {
      return await task(each);
    } catch (error) {
      failed.abort(asGantryError(error));
      throw error;
    }
  });
  try {
    return await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
  }
}
