import type { CacheMap } from './op';
import { type Found, type FoundResult, type Key, type KeyStore, nothing } from './key-store';

/** Output of contents: the digest of files is a key that belongs to no output of a step. */
export const CONTENT_OUTPUT = -1;

/** Keys of an output of a step with this map, by keys of its inputs: those that every input leads to. */
export function lookUp(stores: readonly KeyStore[], map: CacheMap, output: number, inputs: readonly (readonly Key[])[]): Found {
  const keys = stores.flatMap((store) => idsIn(store, map, output, inputs).map((id) => ({ store, id })));
  return keys.length === 0 ? nothing : withResults(keys);
}

function idsIn(store: KeyStore, map: CacheMap, output: number, inputs: readonly (readonly Key[])[]): readonly number[] {
  if (map.inputs.length === 0) {
    const root = store.root(map.digest, output);
    return root === undefined ? [] : [root];
  }
  let common: Set<number> | undefined;
  for (const at of map.inputs.keys()) {
    const reached = reach(store, map, output, at, inputs[at] ?? []);
    common = common === undefined ? reached : shared(common, reached);
    if (common.size === 0) return [];
  }
  return [...(common ?? [])];
}

/** Keys of the output that keys of one input lead to. */
export function reach(store: KeyStore, map: CacheMap, output: number, input: number, keys: readonly Key[]): Set<number> {
  const selector = map.inputs[input]?.selector ?? '';
  const reached = new Set<number>();
  for (const key of keys) {
    if (key.store !== store) continue;
    for (const id of store.follow(key.id, { digest: map.digest, output, input, selector: key.content === true ? '' : selector }))
      reached.add(id);
  }
  return reached;
}

export function withResults(keys: readonly Key[]): Found {
  const results: FoundResult[] = [];
  for (const key of keys) for (const result of key.store.results(key.id)) results.push({ ...result, key });
  if (results.length > 1) results.sort((a, b) => b.created - a.created);
  return { keys, results };
}

export function union(a: Found, b: Found): Found {
  if (a.keys.length === 0) return b;
  if (b.keys.length === 0) return a;
  const keys = [...a.keys, ...b.keys.filter((key) => !a.keys.some((known) => known.store === key.store && known.id === key.id))];
  return withResults(keys);
}

export function shared<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): Set<T> {
  return new Set([...a].filter((value) => b.has(value)));
}
