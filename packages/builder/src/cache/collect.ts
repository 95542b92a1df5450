import { solvedOf } from '../bridge/outcomes';
import type { Outcome } from '../frontend/frontend';
import type { Ref, Refs } from '../refs/ref';
import { CONTENT_OUTPUT } from '../solver/lookup';
import type { Step } from '../solver/step';
import type { StoredKeys } from '../solver/store/stored-keys';
import { recordDigest } from './config';

/** A key on its way into a cache. */
export interface CollectedRecord {
  readonly digest: string;
  readonly inputs: readonly (readonly { readonly key: number; readonly selector: string }[])[];
  /** The tree that goes with it: held until the cache is written. */
  readonly result: { readonly ref: Ref; readonly created: number } | undefined;
}

export interface Collected {
  /** By key of the builder's own store, inputs before those that stand on them. */
  readonly records: ReadonlyMap<number, CollectedRecord>;
  release(): void;
}

/** All keys that outcomes stand on; `max` with every tree that is here, `min` with those of the outcomes and those that need no new blob. */
export function collect(
  { keys, refs }: { readonly keys: StoredKeys; readonly refs: Pick<Refs, 'get' | 'layers'> },
  outcomes: Iterable<Outcome>,
  mode: 'min' | 'max',
): Collected {
  const tops = [...outcomes].flatMap((outcome) => solvedOf(outcome) ?? []);
  const final = new Set(tops.flatMap(({ step, index }) => step?.output(index).keys ?? []));
  const steps = stepsBelow(tops.flatMap(({ step }) => step ?? []));
  const known = new Set(steps.flatMap((step) => [...step.outputs.values()].flatMap((output) => output.keys)));
  const exported = new Map(
    steps.flatMap((step) => [...step.outputs.values()].flatMap(({ keys: own }) => own.map((key) => [key, step] as const))),
  );
  const held: Ref[] = [];
  const records = new Map<number, CollectedRecord>();
  for (const key of inOrder(keys, final, known)) {
    const about = keys.describe(key);
    if (about === undefined) continue;
    const inputs = inputsOf(keys, key, records);
    if (!about.root && (inputs.length === 0 || inputs.some((links) => links.length === 0))) continue;
    const wanted = !about.root && exported.get(key)?.vertex.exportCache !== false;
    const result = wanted ? bestResult({ keys, refs }, key, mode === 'max' || final.has(key)) : undefined;
    if (result !== undefined) held.push(result.ref);
    records.set(key, { digest: recordDigest(about.digest, about.output), inputs, result });
  }
  return {
    records,
    release: () => {
      for (const ref of held) ref.release();
    },
  };
}

function stepsBelow(tops: readonly Step[]): Step[] {
  const seen = new Set<Step>();
  const stack = [...tops];
  for (let step = stack.pop(); step !== undefined; step = stack.pop()) {
    if (seen.has(step)) continue;
    seen.add(step);
    stack.push(...step.inputs.map((input) => input.step), ...step.children);
  }
  return [...seen];
}

/** Keys that the wanted ones stand on: those of this build, and digests of contents. Inputs come first. */
function inOrder(keys: StoredKeys, wanted: Iterable<number>, known: ReadonlySet<number>): number[] {
  const seen = new Set<number>();
  const order: number[] = [];
  for (const first of wanted) {
    const stack: { readonly key: number; readonly sources: readonly number[]; next: number }[] = [];
    const enter = (key: number): void => {
      if (seen.has(key)) return;
      seen.add(key);
      const sources = keys.backlinks(key).flatMap(({ id }) => (known.has(id) || keys.describe(id)?.output === CONTENT_OUTPUT ? [id] : []));
      stack.push({ key, sources, next: 0 });
    };
    enter(first);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const source = top.sources[top.next++];
      if (source === undefined) order.push(stack.pop()?.key ?? top.key);
      else enter(source);
    }
  }
  return order;
}

function inputsOf(keys: StoredKeys, key: number, records: ReadonlyMap<number, CollectedRecord>): CollectedRecord['inputs'] {
  const inputs: { key: number; selector: string }[][] = [];
  for (const { id, input, selector } of keys.backlinks(key)) {
    while (inputs.length <= input) inputs.push([]);
    if (records.has(id)) inputs[input]?.push({ key: id, selector });
  }
  return inputs;
}

/** The newest tree of a key that is here. */
function bestResult(
  { keys, refs }: { readonly keys: StoredKeys; readonly refs: Pick<Refs, 'get' | 'layers'> },
  key: number,
  make: boolean,
): CollectedRecord['result'] {
  for (const { id, created } of keys.results(key)) {
    const ref = id === '' ? undefined : refs.get(id);
    if (ref === undefined) continue;
    if (make || refs.layers(ref).every(({ blob }) => blob !== undefined)) return { ref, created };
    ref.release();
  }
  return undefined;
}
