import type { StatArchiveRequest, StatArchiveResponse } from '@gantry/api/gantry/engine/v1/containers';
import type { CallContext } from '@gantry/rpc';
import { readingView, type ViewNeeds } from './root';

/** HEAD /containers/{id}/archive. */
export async function statArchive(engine: ViewNeeds, _ctx: CallContext, request: StatArchiveRequest): Promise<StatArchiveResponse> {
  const { id } = engine.records.requireDocker(request.id);
  const { spec } = readingView(engine, id);
  const { value } = await engine.looks.look('statPath', [spec, request.id, request.path], {
    path: request.path,
    failure: `lstat ${request.path}`,
  });
  return { stat: value };
}
