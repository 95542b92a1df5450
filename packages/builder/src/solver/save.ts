import type { Ref } from '../refs/ref';
import type { Key } from './key-store';
import { CONTENT_OUTPUT, lookUp } from './lookup';
import type { CacheMap } from './op';
import type { Complete, Input, Ready, Step } from './step';
import type { InputKey, StoredKeys } from './store/stored-keys';

/** Writes down what a step that ran came to: by every map a key of each output, linked from all keys of its inputs and from the digests of their contents. One transaction. */
export function saveRun(keys: StoredKeys, step: Step, ready: Ready, refs: readonly (Ref | undefined)[]): readonly Complete[] {
  const created = Date.now();
  return keys.transaction(() =>
    refs.map((ref, output): Complete => {
      const ids = new Set(step.maps.flatMap((map, at) => keysOf(keys, step, { map, output, inputs: inputKeys(keys, map, ready, at) })));
      for (const id of ids) keys.addResult(id, ref?.id ?? '', created);
      return { ref, keys: [...ids] };
    }),
  );
}

/** Keys that contents led to are from now on found by the definition, too. */
export function saveFound(
  keys: StoredKeys,
  step: Step,
  { map, output, found, inputs }: { map: CacheMap; output: number; found: readonly Key[]; inputs: readonly (readonly Key[])[] },
): void {
  const links = inputs.flatMap((input, at): InputKey[] =>
    // What a client sends has another key in each of its builds.
    step.inputs[at]?.step.vertex.op.source?.identifier.startsWith('local://') === true
      ? []
      : input.flatMap(({ store, id }): InputKey[] => (store === keys ? [{ id, input: at, selector: map.inputs[at]?.selector ?? '' }] : [])),
  );
  if (links.length === 0) return;
  keys.transaction(() => {
    for (const { store, id } of found) if (store === keys) keys.link(id, map.digest, output, links);
  });
}

/** Writes down what came from a cache of a client's, with the keys of all that the step stands on. One transaction. */
export function saveImported(
  keys: StoredKeys,
  { step, index: output }: Input,
  { ref, created }: { readonly ref: Ref | undefined; readonly created: number },
): readonly number[] {
  return keys.transaction(() => {
    const own = ensureKeys(keys, { step, index: output });
    for (const id of own) keys.addResult(id, ref?.id ?? '', created);
    return own;
  });
}

/** Keys of the builder's own store for an output that another store knows; made for it and for what it stands on, inputs first. */
function ensureKeys(keys: StoredKeys, wanted: Input): readonly number[] {
  const known = ({ step, index }: Input): readonly number[] => step.output(index).keys;
  const stack: Input[] = [wanted];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { step, index } = top;
    const without = known(top).length > 0 ? undefined : step.inputs.find((input) => known(input).length === 0);
    if (without !== undefined) {
      stack.push(without);
      continue;
    }
    stack.pop();
    if (known(top).length > 0) continue;
    const ready: Ready = {
      inputs: step.inputs.map((input) => ({ ref: undefined, keys: known(input) })),
      contents: step.maps.map((map, at) => map.inputs.map((_, input) => step.contents.get(`${at} ${input}`)?.value)),
    };
    const own = step.maps.flatMap((map, at) => keysOf(keys, step, { map, output: index, inputs: inputKeys(keys, map, ready, at) }));
    step.output(index).keys = [...new Set(own)];
  }
  return known(wanted);
}

function inputKeys(keys: StoredKeys, map: CacheMap, { inputs, contents }: Ready, at: number): InputKey[] {
  return map.inputs.flatMap(({ selector = '' }, input): InputKey[] => {
    const content = contents[at]?.[input];
    return [
      ...(inputs[input]?.keys ?? []).map((id): InputKey => ({ id, input, selector })),
      ...(content === undefined ? [] : [{ id: keys.makeRoot(content, CONTENT_OUTPUT), input, selector: '' }]),
    ];
  });
}

/** The keys that the inputs' keys lead to, all of them linked from each; one of its own where there is none, or where the step was not to come from the cache. */
function keysOf(
  keys: StoredKeys,
  step: Step,
  { map, output, inputs }: { map: CacheMap; output: number; inputs: readonly InputKey[] },
): readonly number[] {
  if (map.inputs.length === 0) return [keys.makeRoot(map.digest, output)];
  const groups = map.inputs.map((_, at) =>
    inputs
      .filter(({ input }) => input === at)
      .map(({ id, selector }): Key => ({ store: keys, id, ...(selector === '' ? { content: true } : {}) })),
  );
  const present = step.vertex.ignoreCache ? [] : lookUp([keys], map, output, groups).keys.map(({ id }) => id);
  const ids = present.length > 0 ? present : [keys.makeKey(map.digest, output)];
  for (const id of ids) keys.link(id, map.digest, output, inputs);
  return ids;
}
