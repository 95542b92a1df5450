import { type Codec, typeError } from './codec';
import { invalidArgument } from '@gantry/rpc';
import { isZero, type Json, JsonObject } from './value';

export type Fields<T> = { readonly [K in keyof T]-?: Codec<T[K]> };

export interface StructOptions {
  /** Members of the API that nothing can honour. */
  readonly refused?: readonly string[];
}

/** Not a member of the JSON: the names of the lists and maps that were given empty, which Go keeps apart from nil ones. */
const GIVEN_EMPTY = 'givenEmpty';

const isEmpty = (value: Json): boolean =>
  Array.isArray(value) ? value.length === 0 : value instanceof JsonObject && value.members.length === 0;

/**
 * An object, under Go's name for its type (`container.HostConfig`). A member that the table does not have is ignored, as Go ignores it; one that the API has and
 * nothing here can honour is refused by name, unless it is empty.
 */
export function struct<T extends object>(goType: string, table: Fields<T>, { refused = [] }: StructOptions = {}): Codec<T> {
  const goName = goType.slice(goType.lastIndexOf('.') + 1);
  const { [GIVEN_EMPTY]: remembers, ...fields } = table as Record<string, Codec<unknown>>;
  const entries = Object.entries(fields);
  const byKey = new Map(entries.map(([key, codec]) => [key.toLowerCase(), { key, codec }]));
  const beyond = new Set(refused.map((name) => name.toLowerCase()));
  const zero = (): Record<string, unknown> => ({
    ...Object.fromEntries(entries.map(([key, codec]) => [key, codec.zero()])),
    ...(remembers === undefined ? {} : { [GIVEN_EMPTY]: [] }),
  });
  return {
    goType,
    zero: () => zero() as T,
    read(value, place) {
      const result = zero();
      if (value === null) return result as T;
      if (!(value instanceof JsonObject)) throw typeError(value, place, goType);
      const given: string[] = [];
      for (const [name, member] of value.members) {
        const known = byKey.get(name.toLowerCase());
        const path = place.path === '' ? (known?.key ?? name) : `${place.path}.${known?.key ?? name}`;
        if (known === undefined) {
          if (beyond.has(name.toLowerCase()) && !isZero(member)) throw invalidArgument(`field ${path} is not supported by gantry`);
        } else if (member !== null) {
          result[known.key] = known.codec.read(member, { struct: goName, path });
          if (isEmpty(member)) given.push(known.key);
        }
      }
      if (remembers !== undefined) result[GIVEN_EMPTY] = given;
      return result as T;
    },
    write(value, version) {
      const held = value as Readonly<Record<string, unknown>>;
      const given = remembers === undefined ? [] : ((held[GIVEN_EMPTY] ?? []) as readonly string[]);
      const result: { [key: string]: unknown } = {};
      for (const [key, codec] of entries) {
        const written = codec.write(held[key], version);
        if (written !== undefined) result[key] = written === null && given.includes(key) ? emptyOf(held[key]) : written;
      }
      return result;
    },
  };
}

/** What an empty list or map is in JSON when it is not null; an absent object stays null. */
const emptyOf = (value: unknown): unknown => (Array.isArray(value) ? [] : value === undefined ? null : {});
