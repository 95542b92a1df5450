import type { Source, SourceInfo } from '@gantry/api/pb/ops';
import { asGantryError, GantryError } from '@gantry/rpc';
import { withSource } from '../failure/source';
import { vertexOf } from './step-error';

/** Bytes of a file's own definition. */
const LONG = 8 * 1024;

/** The failure with the places in the client's files that the step comes from; the client shows them. */
export function withSources(thrown: unknown, source: Source | undefined): GantryError {
  const error = asGantryError(thrown);
  const origin = vertexOf(error)?.origin;
  const locations = origin === undefined ? undefined : source?.locations[origin]?.locations;
  if (locations === undefined || locations.length === 0) return error;
  let told = new GantryError(error.kind, error.message, { cause: error, meta: error.meta });
  // The last place that was given is told first.
  for (const { sourceIndex, ranges } of locations.toReversed()) {
    const info = source?.infos[sourceIndex];
    if (info === undefined) continue;
    told = withSource(told, bounded(info), ranges);
  }
  return told;
}

/** How the file came about is told, too, unless it is so long that nothing would be told. */
function bounded(info: SourceInfo): SourceInfo {
  const bytes = info.definition?.def.reduce((sum, step) => sum + step.length, 0) ?? 0;
  return bytes > LONG ? { ...info, definition: undefined } : info;
}
