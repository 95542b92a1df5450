import { fieldTables, type Messages } from '@gantry/api/engine-fields';
import { exceptions, type Exceptions } from './exceptions';
import {
  type Codec,
  flag,
  int64,
  list,
  map,
  omitAbsent,
  omitEmpty,
  omitIn,
  optional,
  text,
  uint,
  versioned,
  type WhenEmpty,
} from './json/codec';
import { struct } from './json/struct';
import { member, wrapped } from './json/wrapped';

export type MessageName = keyof Messages;

export type MessageFields<M extends MessageName> = { readonly [F in keyof Messages[M]]-?: Codec<Messages[M][F]> };

const made = new Map<string, Codec<unknown>>();

/** How a message of gantry.engine.v1 is read from the API's JSON and written to it: its field table, and what exceptions.ts says beside it. */
export function messageCodec<M extends MessageName>(name: M): Codec<Messages[M]> {
  let codec = made.get(name);
  if (codec === undefined) {
    const { go = name, refused = [] } = rulesOf(name);
    const fields: Readonly<Record<string, string>> = fieldTables[name];
    const { items } = fields;
    // A message of nothing but `items` stands for a list that proto cannot say: one that may be absent, or lie in another one.
    codec =
      items === undefined
        ? struct<object>(go, messageFields(name), { refused })
        : wrapped(elementCodec(items.slice(2)), isMade(name) ? 'empty' : 'null');
    made.set(name, codec);
  }
  return codec as Codec<Messages[M]>;
}

const rulesOf = (name: MessageName): Exceptions<Record<string, unknown>> => (exceptions[name] ?? {}) as Exceptions<Record<string, unknown>>;

const isMade = (name: MessageName): boolean => rulesOf(name).made === 'all';

/** Codecs of all members of a message, for a body that has them beside others. */
export function messageFields<M extends MessageName>(name: M): MessageFields<M> {
  const rules = rulesOf(name);
  const fields = Object.entries<string>(fieldTables[name]).map(([field, kind]) => [field, fieldCodec(field, kind, rules)]);
  return Object.fromEntries(fields) as MessageFields<M>;
}

function fieldCodec(field: string, kind: string, rules: Exceptions<Record<string, unknown>>): Codec<unknown> {
  const named = (names: readonly string[] | 'all' | undefined): boolean => names === 'all' || names?.includes(field) === true;
  const omit = named(rules.omit);
  const whenEmpty = omit ? 'omit' : named(rules.made) ? 'empty' : 'null';
  const codec = (rules.codecs?.[field] as Codec<unknown> | undefined) ?? plainCodec(kind, whenEmpty, rules.types?.[field]);
  const left = omit ? omitEmpty(codec) : named(rules.absent) ? omitAbsent(codec) : otherwise(codec, rules.instead?.[field]);
  const boundsIn = (table: Exceptions<Record<string, unknown>>['versions'] = {}): string | undefined =>
    Object.entries(table).find(([, names]) => names.includes(field))?.[0];
  const omitted = boundsIn(rules.omitIn);
  const told = omitted === undefined ? left : omitIn(left, omitted);
  const bounds = boundsIn(rules.versions);
  return bounds === undefined ? told : versioned(told, bounds);
}

function plainCodec(kind: string, whenEmpty: WhenEmpty, goType: string | undefined): Codec<unknown> {
  const inner = (): Codec<unknown> => elementCodec(kind.slice(2));
  if (kind.startsWith('[]')) return list(inner(), whenEmpty) as Codec<unknown>;
  if (kind.startsWith('{}')) return map(inner(), whenEmpty) as Codec<unknown>;
  if (kind.startsWith('?')) return optional(scalar(kind.slice(1), goType));
  return kind in fieldTables ? optional(elementCodec(kind)) : scalar(kind, goType);
}

const elementCodec = (kind: string): Codec<unknown> =>
  (kind in fieldTables ? messageCodec(kind as MessageName) : kind === 'Empty' ? member : scalar(kind)) as Codec<unknown>;

function scalar(kind: string, goType?: string): Codec<unknown> {
  switch (kind) {
    case 'string':
      return text as Codec<unknown>;
    case 'bool':
      return flag as Codec<unknown>;
    case 'uint32':
      return uint(kind, 32) as Codec<unknown>;
    default:
      return int64(goType ?? kind) as Codec<unknown>;
  }
}

/** A member that is answered with a value of its own where it is absent. */
function otherwise(codec: Codec<unknown>, value: unknown): Codec<unknown> {
  if (value === undefined) return codec;
  return { ...codec, write: (held, version) => (held === undefined || held === '' ? value : codec.write(held, version)) };
}
