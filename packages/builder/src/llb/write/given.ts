import { createHash } from 'node:crypto';
import { type Definition, Op } from '@gantry/api/pb/ops';
import { invalidArgument } from '@gantry/rpc';
import type { Output, SourceLocation, Vertex } from './graph';

/** A definition from outside (an input of the frontend's) as part of a graph; its vertexes keep their bytes and what is said of them. */
export function given(definition: Definition): Output | undefined {
  const made = new Map<string, Vertex>();
  const outputs = (op: Op): Output[] =>
    op.inputs.map(({ digest, index }) => {
      const vertex = made.get(digest);
      if (vertex === undefined) throw invalidArgument(`definition names ${digest} before it holds it`);
      return { vertex, index: Number(index) };
    });
  let last: Output[] = [];
  for (const bytes of definition.def) {
    const op = Op.decode(bytes);
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    last = outputs(op);
    made.set(digest, { inputs: last, op: () => op, about: aboutOf(definition, digest), given: { bytes } });
  }
  return last[0];
}

function aboutOf(definition: Definition, digest: string): Vertex['about'] {
  const said = Object.hasOwn(definition.metadata, digest) ? definition.metadata[digest] : undefined;
  const found = definition.Source?.locations ?? {};
  const locations = (Object.hasOwn(found, digest) ? found[digest]?.locations : undefined) ?? [];
  return {
    ...(said === undefined ? {} : { description: said.description, ignoreCache: said.ignoreCache, caps: Object.keys(said.caps) }),
    ...(said?.progressGroup === undefined ? {} : { group: said.progressGroup }),
    locations: locations.flatMap(({ sourceIndex, ranges }): SourceLocation[] => {
      const source = definition.Source?.infos[sourceIndex];
      return source === undefined ? [] : [{ source, ranges }];
    }),
  };
}
