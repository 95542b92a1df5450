import { quoted } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';
import type { SolveWish } from '../../frontend';

type Imports = SolveWish['cacheImports'];

/** Caches to look into: `cache-imports` as JSON, and the older `cache-from`, a list of images. */
export function cacheImports(options: ReadonlyMap<string, string>): Imports {
  const listed = options.get('cache-imports') ?? '';
  const images = options.get('cache-from') ?? '';
  return [
    ...(listed === '' ? [] : parse(listed)),
    ...(images === '' ? [] : images.split(',').map((ref) => ({ type: 'registry', attributes: new Map([['ref', ref]]) }))),
  ];
}

function parse(text: string): Imports {
  const wrong = (): Error => invalidArgument(`failed to unmarshal cache-imports (${quoted(text)})`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalidArgument(wrong().message, { cause: error });
  }
  if (!Array.isArray(value)) throw wrong();
  return value.map((entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) throw wrong();
    const { Type: type = '', Attrs: attributes = {} } = entry as { Type?: unknown; Attrs?: unknown };
    if (typeof type !== 'string' || typeof attributes !== 'object') throw wrong();
    return { type, attributes: new Map(Object.entries((attributes ?? {}) as Record<string, string>)) };
  });
}
