import { type Definition, Op } from '@gantry/api/pb/ops';
import { type Descriptor, sha256 } from '@gantry/oci';
import type { Layer } from '../refs/ref';
import type { Output, Step } from '../solver/step';
import type { StoredKeys } from '../solver/store/stored-keys';
import { opJson, plain } from './op-json';
import { sorted } from './sorted';

/** Where trees are found by the keys of steps. */
export interface KnownTrees {
  readonly refs: { knows(id: string): boolean; layers(tree: { readonly id: string }): readonly Pick<Layer, 'blob'>[] };
  readonly keys: Pick<StoredKeys, 'results'>;
}

/** The steps of a definition as provenance tells them, and the number of each by its digest. */
export function buildSteps(definition: Definition): { readonly steps: readonly object[]; readonly indexes: ReadonlyMap<string, number> } {
  const ops = new Map<string, Op>();
  let last = '';
  for (const bytes of definition.def) {
    last = sha256(bytes);
    ops.set(last, Op.decode(bytes));
  }
  const order = inputsFirst(ops, last);
  const indexes = new Map(order.map((digest, index) => [digest, index]));
  const steps = order.map((digest, index) => {
    const op = ops.get(digest) ?? Op.create();
    // Which session a folder came from says nothing about the result.
    if (op.source !== undefined) for (const name of ['local.session', 'local.unique']) delete op.source.attrs[name];
    const inputs = op.inputs.map((input) => `step${indexes.get(input.digest) ?? 0}:${input.index}`);
    return { id: `step${index}`, op: opJson(op), ...(inputs.length === 0 ? {} : { inputs }) };
  });
  return { steps, indexes };
}

export function digestMapping(indexes: ReadonlyMap<string, number>): Record<string, string> {
  return sorted(Object.fromEntries([...indexes].map(([digest, index]) => [digest, `step${index}`])));
}

/** The client's files that the definition came from, and where in them each step is. */
export function sourceOf({ Source: source }: Definition, indexes: ReadonlyMap<string, number>): object | undefined {
  if (source === undefined || source.infos.length === 0) return undefined;
  const infos = source.infos.map(({ filename, language, data, definition }) => {
    const own = definition === undefined || definition.def.length === 0 ? undefined : buildSteps(definition);
    return {
      filename,
      ...(language === '' ? {} : { language }),
      data: data.toString('base64'),
      ...(own === undefined ? {} : { llbDefinition: own.steps, digestMapping: digestMapping(own.indexes) }),
    };
  });
  const locations = Object.entries(source.locations).flatMap(([digest, { locations: places }]) => {
    const index = indexes.get(digest);
    return index === undefined
      ? []
      : [
          [
            `step${index}`,
            {
              locations: places.map(({ sourceIndex, ranges }) => ({
                ...(sourceIndex === 0 ? {} : { sourceIndex }),
                ranges: plain(ranges),
              })),
            },
          ] as const,
        ];
  });
  return { locations: Object.fromEntries(locations), infos };
}

/** The layers of each step's outputs that are known as blobs, bottom first. */
export function layersOf(known: KnownTrees, first: Step, indexes: ReadonlyMap<string, number>): Record<string, Descriptor[][]> {
  const layers: Record<string, Descriptor[][]> = {};
  const seen = new Set<Step>();
  const stack = [first];
  for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
    if (seen.has(step)) continue;
    seen.add(step);
    const number = indexes.get(step.vertex.origin);
    for (const [index, output] of step.outputs) {
      const blobs = number === undefined ? undefined : blobsOf(known, output);
      if (blobs !== undefined) layers[`step${number}:${index}`] = [blobs];
    }
    stack.push(...step.inputs.map((input) => input.step));
  }
  return layers;
}

/** The blobs of an output's tree, if each of its layers is known as one; of a step that was passed over, because what stands on it was found, the tree that its keys lead to. */
function blobsOf({ refs, keys }: KnownTrees, output: Output): Descriptor[] | undefined {
  const own = output.result?.ref;
  for (const tree of own === undefined ? stored({ refs, keys }, output) : [own]) {
    const layers = refs.layers(tree);
    const blobs = layers.flatMap(({ blob }) => blob ?? []);
    if (blobs.length > 0 && blobs.length === layers.length) return blobs;
  }
  return undefined;
}

/** Looked at, not taken: being told of is no use of a tree. */
function* stored({ refs, keys }: KnownTrees, output: Output): Generator<{ readonly id: string }> {
  if (output.result !== undefined) return;
  for (const key of output.keys) for (const { id } of keys.results(key)) if (id !== '' && refs.knows(id)) yield { id };
}

function inputsFirst(ops: ReadonlyMap<string, Op>, from: string): string[] {
  const seen = new Set([from]);
  const order: string[] = [];
  const stack = [{ digest: from, next: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const input = ops.get(top.digest)?.inputs[top.next++];
    if (input === undefined) {
      order.push(top.digest);
      stack.pop();
    } else if (!seen.has(input.digest)) {
      seen.add(input.digest);
      stack.push({ digest: input.digest, next: 0 });
    }
  }
  return order;
}
