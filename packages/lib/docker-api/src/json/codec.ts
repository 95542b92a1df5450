import { invalidArgument } from '@gantry/rpc';
import type { ApiVersion } from '../versions/version';
import { type Json, JsonNumber, JsonObject, kindOf } from './value';

/** Where a value stands, for errors: the Go struct that holds it and the path from the body's root. */
export interface Place {
  readonly struct: string;
  readonly path: string;
}

/**
 * How one type is read from a request and written to an answer, with Go's rules: null keeps the zero value, keys match without case, a wrong
 * type is an error that names the field. One table of codecs an object serves both directions.
 */
export interface Codec<T> {
  readonly goType: string;
  zero(): T;
  /** Errors: invalidArgument. */
  read(value: Json, place: Place): T;
  /** The value for JSON.stringify; undefined leaves the member out. */
  write(value: T, version: ApiVersion): unknown;
}

/** Go's UnmarshalTypeError, marked as one in its meta (`json`). `what` says more than the kind where Go does ("number 1.5"). */
export function typeError(value: Json, place: Place, goType: string, what = kindOf(value)): Error {
  const target = place.path === '' ? `Go value of type ${goType}` : `Go struct field ${place.struct}.${place.path} of type ${goType}`;
  return invalidArgument(`json: cannot unmarshal ${what} into ${target}`, { meta: { json: 'type' } });
}

function scalar<T extends Json>(goType: string, zero: T, accepts: (value: Json) => value is T): Codec<T> {
  return {
    goType,
    zero: () => zero,
    read(value, place) {
      if (value === null) return zero;
      if (!accepts(value)) throw typeError(value, place, goType);
      return value;
    },
    write: (value) => value,
  };
}

export const text: Codec<string> = scalar('string', '', (value) => typeof value === 'string');
export const flag: Codec<boolean> = scalar('bool', false as boolean, (value) => typeof value === 'boolean');

function readInteger(value: Json, place: Place, goType: string, min: bigint, max: bigint): bigint {
  if (value === null) return 0n;
  if (!(value instanceof JsonNumber)) throw typeError(value, place, goType);
  if (!/^-?[0-9]+$/.test(value.source)) throw typeError(value, place, goType, `number ${value.source}`);
  const integer = BigInt(value.source);
  if (integer < min || integer > max) throw typeError(value, place, goType, `number ${value.source}`);
  return integer;
}

const INT64_MAX = 2n ** 63n - 1n;

/** Go's unsigned types; what has 64 bits there has 63 on our wire. */
const RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  uint16: [0n, 2n ** 16n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  uint64: [0n, INT64_MAX],
  uint: [0n, INT64_MAX],
};

/** 64 bit integers, exact in both directions. */
export function int64(goType = 'int64'): Codec<bigint> {
  const [min, max] = RANGES[goType] ?? [-INT64_MAX - 1n, INT64_MAX];
  return {
    goType,
    zero: () => 0n,
    read: (value, place) => readInteger(value, place, goType, min, max),
    write: (value) => exactNumber(value),
  };
}

export function uint(goType: string, bits: number): Codec<number> {
  return {
    goType,
    zero: () => 0,
    read: (value, place) => Number(readInteger(value, place, goType, 0n, 2n ** BigInt(bits) - 1n)),
    write: (value) => value,
  };
}

declare global {
  interface JSON {
    /** ES2025: a value that JSON.stringify writes as these very characters. */
    rawJSON(text: string): unknown;
  }
}

export function exactNumber(value: bigint): unknown {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : JSON.rawJSON(value.toString());
}

/** A Go pointer: null is absent, and written as null. */
export function optional<T>(inner: Codec<T>): Codec<T | undefined> {
  return {
    goType: inner.goType,
    zero: () => undefined,
    read: (value, place) => (value === null ? undefined : inner.read(value, place)),
    write: (value, version) => (value === undefined ? null : inner.write(value, version)),
  };
}

/** What `write` makes of an empty list or map. */
export type WhenEmpty = 'null' | 'empty' | 'omit';

export function list<T>(inner: Codec<T>, whenEmpty: WhenEmpty = 'null'): Codec<T[]> {
  const goType = `[]${inner.goType}`;
  return {
    goType,
    zero: () => [],
    read(value, place) {
      if (value === null) return [];
      if (!Array.isArray(value)) throw typeError(value, place, goType);
      return value.map((item: Json) => inner.read(item, place));
    },
    write: (value, version) => (value.length === 0 ? emptyValue(whenEmpty, []) : value.map((item) => inner.write(item, version))),
  };
}

export function emptyValue(whenEmpty: WhenEmpty, empty: object): unknown {
  return whenEmpty === 'empty' ? empty : whenEmpty === 'null' ? null : undefined;
}

export function map<T>(inner: Codec<T>, whenEmpty: WhenEmpty = 'empty'): Codec<{ [key: string]: T }> {
  const goType = `map[string]${inner.goType}`;
  return {
    goType,
    zero: () => ({}),
    read(value, place) {
      if (value === null) return {};
      if (!(value instanceof JsonObject)) throw typeError(value, place, goType);
      const result: { [key: string]: T } = Object.create(null) as { [key: string]: T };
      for (const [key, member] of value.members) result[key] = inner.read(member, { struct: place.struct, path: place.path });
      return result;
    },
    write(value, version) {
      const entries = Object.entries(value);
      return entries.length === 0
        ? emptyValue(whenEmpty, {})
        : Object.fromEntries(entries.map(([key, member]) => [key, inner.write(member, version)]));
    },
  };
}

/** A member that is left out when it has its zero value (Go's omitempty). */
export function omitEmpty<T>(inner: Codec<T>): Codec<T> {
  return {
    ...inner,
    write: (value, version) =>
      value === undefined || value === '' || value === false || value === 0 || value === 0n ? undefined : inner.write(value, version),
  };
}

/** A member that is left out when it is absent only (Go's omitempty on a pointer). */
export function omitAbsent<T>(inner: Codec<T>): Codec<T> {
  return { ...inner, write: (value, version) => (value === undefined ? undefined : inner.write(value, version)) };
}

/** A member that some API versions leave out when it is empty. */
export function omitIn<T>(inner: Codec<T>, bounds: string): Codec<T> {
  return {
    ...inner,
    write(value, version) {
      const written = inner.write(value, version);
      return (written === null || written === '') && version.within(bounds) ? undefined : written;
    },
  };
}

/** A member of answers of some API versions (`1.43-`, `-1.52`). Reading is not restricted. */
export function versioned<T>(inner: Codec<T>, bounds: string): Codec<T> {
  return { ...inner, write: (value, version) => (version.within(bounds) ? inner.write(value, version) : undefined) };
}
