import type { SolveRequest, SolveResponse } from '@gantry/api/moby/buildkit/v1/control';
import { asGantryError, type CallContext, derive } from '@gantry/rpc';
import { CLASSIC } from '../frontend/dockerfile/classic/teller';
import type { FrontendResult } from '../frontend/frontend';
import type { Job } from '../solver/jobs';
import { grant } from './entitlements';
import { exportAll } from './export';
import { type ClientFrontend, isClientsOwn, openClientFrontend } from './client-frontend';
import type { BuildOutcome, ControlParts } from './needs';
import { openOutputs } from './outputs';
import { currentForm, refuseUnknown } from './request';

/** One build: what is to be made, by a frontend here or by the client itself, and where it goes. */
export async function solve(parts: ControlParts, ctx: CallContext, asked: SolveRequest): Promise<SolveResponse> {
  const request = currentForm(asked);
  refuseUnknown(request);
  const entitlements = grant(request.Entitlements, parts.entitlements);
  const outputs = openOutputs(parts, request);
  const attributes = new Map(Object.entries(request.FrontendAttrs));
  const processors = parts.processors(attributes);
  const job = parts.jobs.open(ctx, { id: request.Ref, sessionId: request.Session, entitlements, sourcePolicy: request.SourcePolicy });
  try {
    if (request.Internal) job.endProgress();
    const finish = isRecorded(request) ? parts.history.begin(ctx, job, request) : undefined;
    let outcome: BuildOutcome = {};
    let client: ClientFrontend | undefined;
    try {
      // Not before the build can be found: its progress and its frontend ask for it meanwhile.
      await parts.lookAtDevices();
      client = isClientsOwn(request) ? openClientFrontend(parts, ctx, job, request) : undefined;
      let result = await (client?.result() ?? resultOf(job, request, ctx));
      // A client that chooses its exporters when it has seen the result looks into it meanwhile.
      if (!request.EnableSessionExporter) await client?.close();
      await evaluate(ctx, result);
      for (const process of processors) result = await process(ctx, result, job);
      outcome = { result };
      const response = await exportAll(parts, ctx, {
        job,
        request,
        result,
        outputs,
        ...(client === undefined ? {} : { refs: client.refs(result) }),
      });
      outcome = { result, response };
      return { ExporterResponse: Object.fromEntries(response) };
    } catch (error) {
      outcome = { ...outcome, error: asGantryError(error) };
      throw error;
    } finally {
      await client?.close();
      await finish?.(outcome);
      job.endProgress();
    }
  } finally {
    await job.close();
    parts.collectSoon();
  }
}

/** Clients that build for their own ends say so; the classic builder's builds were never in anybody's list. */
const isRecorded = ({ Internal, Frontend }: SolveRequest): boolean => !Internal && Frontend !== CLASSIC;

function resultOf(job: Job, request: SolveRequest, ctx: CallContext): Promise<FrontendResult> {
  return job.bridge.solve(ctx, {
    ...(request.Definition === undefined ? {} : { definition: request.Definition }),
    frontend: request.Frontend,
    options: new Map(Object.entries(request.FrontendAttrs)),
    inputs: new Map(Object.entries(request.FrontendInputs)),
    evaluate: false,
    cacheImports: (request.Cache?.Imports ?? []).map(({ Type, Attrs }) => ({ type: Type, attributes: new Map(Object.entries(Attrs)) })),
  });
}

/** Everything that the frontend made is solved, several at once, before anything leaves the builder. The first failure ends the others. */
async function evaluate(ctx: CallContext, { outcomes }: FrontendResult): Promise<void> {
  const failed = new AbortController();
  const each = derive(ctx, { signal: AbortSignal.any([ctx.signal, failed.signal]) });
  await Promise.all(
    [...outcomes.values()].map(async (outcome) => {
      try {
        (await outcome.tree(each))?.release();
      } catch (error) {
        failed.abort(asGantryError(error));
        throw error;
      }
    }),
  );
}
