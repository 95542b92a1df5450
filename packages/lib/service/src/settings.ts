import { invalidArgument } from '@gantry/rpc/errors';

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const kindOf = (value: unknown): string =>
  Array.isArray(value) ? 'list' : isTree(value) ? 'map' : value === null ? 'nothing' : typeof value;

/**
 * Lays what a file says over the defaults. The defaults are the schema: a key that they lack is refused by its full name, and so is a value of
 * another type. An empty map in the defaults takes any keys; null in the defaults takes any value.
 */
export function overlay<T extends object>(defaults: T, given: unknown, where: string): T {
  return merge(defaults as Tree, given, where, '') as T;
}

function merge(defaults: Tree, given: unknown, where: string, above: string): Tree {
  if (given === undefined || given === null) return structuredClone(defaults);
  if (!isTree(given))
    throw invalidArgument(`${where}: ${above === '' ? 'the file' : `key "${above.slice(0, -1)}"`} is a map, not a ${kindOf(given)}`);
  const result: Tree = structuredClone(defaults);
  for (const [key, value] of Object.entries(given)) {
    const name = `${above}${key}`;
    if (!Object.hasOwn(defaults, key)) throw invalidArgument(`${where}: unknown key "${name}"`);
    const model = defaults[key];
    if (value === null) continue; // "key:" with nothing behind it keeps the default
    if (isTree(model) && Object.keys(model).length > 0) {
      result[key] = merge(model, value, where, `${name}.`);
      continue;
    }
    if (model !== null && kindOf(model) !== kindOf(value))
      throw invalidArgument(`${where}: key "${name}" is a ${kindOf(model)}, not a ${kindOf(value)}`);
    result[key] = value;
  }
  return result;
}

/** A tree that holds one value at a dotted path, as flags give them. */
export function treeOf(path: string, value: unknown): Tree {
  return path.split('.').reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Tree;
}
