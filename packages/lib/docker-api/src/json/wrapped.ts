import type { StringList } from '@gantry/api/gantry/engine/v1/types';
import { type Codec, emptyValue, int64, optional, text, typeError, type WhenEmpty } from './codec';
import { type Json, JsonObject } from './value';

/** A list inside a message of its own: what proto needs where Go has a slice that may be nil, or a slice in a slice or map. */
export function wrapped<T>(inner: Codec<T>, whenEmpty: WhenEmpty): Codec<{ items: T[] }> {
  const goType = `[]${inner.goType}`;
  return {
    goType,
    zero: () => ({ items: [] }),
    read(value, place) {
      if (value === null) return { items: [] };
      if (!Array.isArray(value)) throw typeError(value, place, goType);
      return { items: value.map((item: Json) => inner.read(item, place)) };
    },
    write: ({ items }, version) => (items.length === 0 ? emptyValue(whenEmpty, []) : items.map((item) => inner.write(item, version))),
  };
}

const strings = optional(wrapped(text, 'empty'));

/** Cmd and Entrypoint: one string stands for a list of one. */
export const shellStrings: Codec<StringList | undefined> = {
  ...strings,
  read: (value, place) => (typeof value === 'string' ? { items: [value] } : strings.read(value, place)),
};

/** The empty struct that stands for "is a member of the set"; what a client puts inside is ignored as Go's struct{} does. */
export const member: Codec<Record<string, never>> = {
  goType: 'struct {}',
  zero: () => ({}),
  read(value, place) {
    if (value !== null && !(value instanceof JsonObject)) throw typeError(value, place, 'struct {}');
    return {};
  },
  write: () => ({}),
};

const uints = int64('uint');

/** [height, width], always two numbers. */
export const consoleSize: Codec<bigint[]> = {
  goType: '[2]uint',
  zero: () => [],
  read(value, place) {
    if (value === null) return [];
    if (!Array.isArray(value)) throw typeError(value, place, '[2]uint');
    const [height = 0n, width = 0n] = value.map((item: Json) => uints.read(item, place));
    return height === 0n && width === 0n ? [] : [height, width];
  },
  write: (value) => [Number(value[0] ?? 0n), Number(value[1] ?? 0n)],
};
