import { invalidArgument } from '@gantry/rpc';

/** What a member of a JSON document is. `pointer`: text that may be absent; `list`: absent is null, as Go writes it; an object has its members in their order. */
export type Shape =
  | 'text'
  | 'flag'
  | 'number'
  | 'pointer'
  | { readonly list: Shape }
  | { readonly maybe: Shape }
  | { readonly members: Readonly<Record<string, Shape>>; readonly omitted?: readonly string[] };

const called = (value: unknown): string =>
  Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value === 'boolean' ? 'bool' : typeof value;

/**
 * Reads a document as Go does into its types: names in any case, what is not known is left out, what is missing is empty. Throws invalidArgument that names the
 * member.
 */
export function readAs(shape: Shape, value: unknown, path = ''): unknown {
  const wrong = (wanted: string): never => {
    throw invalidArgument(`json: cannot unmarshal ${called(value)} into Go struct field ${path} of type ${wanted}`);
  };
  const absent = value === undefined || value === null;
  if (shape === 'text') return absent ? '' : typeof value === 'string' ? value : wrong('string');
  if (shape === 'pointer') return absent ? null : typeof value === 'string' ? value : wrong('string');
  if (shape === 'flag') return absent ? false : typeof value === 'boolean' ? value : wrong('bool');
  if (shape === 'number') return absent ? 0 : Number.isSafeInteger(value) && (value as number) >= 0 ? value : wrong('uint32');
  if ('list' in shape) {
    if (absent) return null;
    return Array.isArray(value) ? value.map((one, at) => readAs(shape.list, one, `${path}[${at}]`)) : wrong('slice');
  }
  if ('maybe' in shape) return absent ? undefined : readAs(shape.maybe, value, path);
  if (!absent && (typeof value !== 'object' || Array.isArray(value))) return wrong('struct');
  const given = new Map(Object.entries(value ?? {}).map(([name, member]) => [name.toLowerCase(), member as unknown]));
  const read = Object.entries(shape.members).map(([name, member]): [string, unknown] => [
    name,
    readAs(member, given.get(name.toLowerCase()), path === '' ? name : `${path}.${name}`),
  ]);
  const isZero = (member: unknown): boolean => member === undefined || member === '' || member === 0;
  return Object.fromEntries(
    read.filter(([name, member]) => member !== undefined && !(shape.omitted?.includes(name) === true && isZero(member))),
  );
}
