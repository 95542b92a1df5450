import { Vertex as VertexDetail } from '@gantry/api/errdefs/errdefs';
import { asGantryError, type GantryError, prefixed, withDetail } from '@gantry/rpc';
import { codes } from '../failure/codes';
import { withoutCode } from '../failure/without-code';
import type { Vertex } from '../llb';

const failed = new WeakMap<object, Vertex>();

/** The failure of a step, with the vertex that clients look its place in the sources up by. The innermost step that failed is named. */
export function stepError(vertex: Vertex, thrown: unknown, words?: string): GantryError {
  if (vertexOf(thrown) !== undefined) return words === undefined ? asGantryError(thrown) : prefixed(thrown, words);
  const named = withDetail(withoutCode(words === undefined ? thrown : prefixed(thrown, words), codes.step), {
    typeUrl: 'github.com/moby/buildkit/errdefs.Vertex+json',
    value: Buffer.from(JSON.stringify(VertexDetail.toJSON({ digest: vertex.origin }))),
  });
  failed.set(named, vertex);
  return named;
}

/** The step that failed, by the error of it or of one that came of it. */
export function vertexOf(error: unknown): Vertex | undefined {
  for (let at: unknown = error; typeof at === 'object' && at !== null; at = (at as { cause?: unknown }).cause) {
    const vertex = failed.get(at);
    if (vertex !== undefined) return vertex;
  }
  return undefined;
}
