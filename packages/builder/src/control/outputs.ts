import { FindExportersRequest, ExporterService } from '@gantry/api/moby/exporter/v1/exporter';
import type { SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { type CallContext, invalidArgument, isErrorOf } from '@gantry/rpc';
import type { OpenExporter } from '../exporters/exporter';
import type { FrontendResult } from '../frontend/frontend';
import type { OpenCacheExporter, ControlParts } from './needs';
import { checkCacheExports } from './request';

/** The places where a build's result and its cache go, opened before anything is built. */
export interface Outputs {
  readonly exporters: readonly OpenExporter[];
  readonly caches: readonly { readonly exporter: OpenCacheExporter; readonly ignoreError: boolean }[];
}

export function openOutputs(parts: Pick<ControlParts, 'exporters' | 'cacheExporters'>, request: SolveRequest): Outputs {
  const exporters = request.Exporters.map(({ Type, Attrs }, index) => openExporter(parts, Type, Attrs, index));
  const exports = request.Cache?.Exports ?? [];
  checkCacheExports(exports);
  const caches = exports.map(({ Type, Attrs }) => {
    const kind = parts.cacheExporters.get(Type);
    if (kind === undefined) throw invalidArgument(`unknown cache exporter: ${JSON.stringify(Type)}`);
    const { 'ignore-error': ignoreError, ...attributes } = Attrs;
    return { exporter: kind.open(new Map(Object.entries(attributes))), ignoreError: ignoreError === 'true' || ignoreError === '1' };
  });
  return { exporters, caches };
}

function openExporter(
  { exporters }: Pick<ControlParts, 'exporters'>,
  type: string,
  attributes: Readonly<Record<string, string>>,
  index: number,
): OpenExporter {
  const kind = exporters.find(({ types }) => types.includes(type));
  if (kind === undefined) throw invalidArgument(`exporter ${JSON.stringify(type)} could not be found`);
  return kind.open(new Map(Object.entries(attributes)), index);
}

/** Exporters that the client chooses when it sees the result (EnableSessionExporter); none where it does not know the service. */
export async function sessionExporters(
  parts: Pick<ControlParts, 'exporters' | 'sessions'>,
  ctx: CallContext,
  wish: { readonly sessionId: string; readonly after: number; readonly result: FrontendResult; readonly refs: readonly string[] },
): Promise<readonly OpenExporter[]> {
  const session = await parts.sessions.find(wish.sessionId);
  const request = FindExportersRequest.fromPartial({ metadata: Object.fromEntries(wish.result.metadata), refs: [...wish.refs] });
  try {
    const { exporters } = await session.client(ExporterService).findExporters(ctx, request);
    return exporters.map(({ Type, Attrs }, at) => openExporter(parts, Type, Attrs, wish.after + at));
  } catch (error) {
    if (isErrorOf(error, 'notImplemented') || isErrorOf(error, 'unavailable')) return [];
    throw error;
  }
}
