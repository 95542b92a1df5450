import { type BuildOp, Definition } from '@gantry/api/pb/ops';
import { sha256 } from '@gantry/oci';
import { errorText, invalidArgument } from '@gantry/rpc';
import { readTreeFile } from '../../bridge/files';
import type { OpMakers } from '../registry';
import type { Refs } from '../../refs/ref';
import type { Op } from '../../solver';

/** Index that stands for the builder of definitions itself. */
const LLB = -1n;
const DEFINITION = 'buildkit.llb.definition';
const FILENAME = 'llbbuild.filename';

/** Makes the ops that build a definition which another step has written to a file. */
export function makeBuildOp({ refs }: { readonly refs: Pick<Refs, 'withTree'> }): OpMakers['build'] {
  return (definition, about, sub): Op => ({
    weight: 0,
    async *cacheMaps() {
      yield await Promise.resolve({ digest: keyOf(definition), inputs: Array.from({ length: about.inputs }, () => ({})) });
    },
    async run({ call }, inputs) {
      if (definition.builder !== LLB) throw invalidArgument('only LLB builder is currently allowed');
      const given = definition.inputs[DEFINITION];
      if (given === undefined) throw invalidArgument(`no llb definition input ${DEFINITION} found`);
      const path = definition.attrs[FILENAME] ?? DEFINITION;
      const bytes = await readTreeFile(refs, call, { ref: inputs[Number(given.input)], path });
      return [await sub.solve(call, decode(bytes, path))];
    },
  });
}

function keyOf({ builder, inputs, attrs, def }: BuildOp): string {
  const sorted = (values: object): unknown => Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
  const key = {
    type: 'gantry.build.v0',
    builder: String(builder),
    inputs: sorted(inputs),
    attrs: sorted(attrs),
    def: def && sha256(Definition.encode(def).finish()),
  };
  return sha256(JSON.stringify(key, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
}

function decode(bytes: Buffer, path: string): Definition {
  try {
    return Definition.decode(bytes);
  } catch (error) {
    throw invalidArgument(`failed to parse definition ${path}: ${errorText(error)}`, { cause: error });
  }
}
