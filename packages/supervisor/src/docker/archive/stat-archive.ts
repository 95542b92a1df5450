import type { StatArchiveRequest, StatArchiveResponse } from '@gantry/api/gantry/engine/v1/containers';
import type { CallContext } from '@gantry/rpc';
import { type KeptNeeds, mountKept } from './kept-volumes';
import { readingView, type ViewNeeds } from './root';

/** HEAD /containers/{id}/archive. */
export async function statArchive(
  engine: ViewNeeds & KeptNeeds,
  ctx: CallContext,
  request: StatArchiveRequest,
): Promise<StatArchiveResponse> {
  const { id } = engine.records.requireDocker(request.id);
  const kept = await mountKept(engine, ctx, id);
  try {
    const { spec } = readingView(engine, id, kept.places);
    const asked = { path: request.path, failure: `lstat ${request.path}` };
    const { value } = await engine.looks.look('statPath', [spec, request.id, request.path], asked);
    return { stat: value };
  } finally {
    await kept.release();
  }
}
