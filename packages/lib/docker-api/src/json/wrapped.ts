import type { PortBindings, StringList } from '@gantry/api/gantry/engine/v1/types';
import { type Codec, struct, text, typeError } from './codec';
import type { Json } from './value';

/** A list that may be null as well as empty: []string behind a pointer-like wrapper in the proto. */
export const nullableStrings: Codec<StringList | undefined> = {
  goType: '[]string',
  zero: () => undefined,
  read(value, place) {
    if (value === null) return undefined;
    if (!Array.isArray(value)) throw typeError(value, place, '[]string');
    return { items: value.map((item: Json) => text.read(item, place)) };
  },
  write: (value) => value?.items ?? null,
};

/** Cmd and Entrypoint: one string stands for a list of one. */
export const shellStrings: Codec<StringList | undefined> = {
  ...nullableStrings,
  read: (value, place) => (typeof value === 'string' ? { items: [value] } : nullableStrings.read(value, place)),
};

/** A list inside a list ([][]string). */
export const stringRow: Codec<StringList> = {
  goType: '[]string',
  zero: () => ({ items: [] }),
  read: (value, place) => nullableStrings.read(value, place) ?? { items: [] },
  write: (value) => value.items,
};

/** The empty struct that stands for "is a member of the set"; what a client puts inside is ignored as Go's struct{} does. */
export const member: Codec<Record<string, never>> = {
  goType: 'struct {}',
  zero: () => ({}),
  read(value, place) {
    if (value !== null && (typeof value !== 'object' || Array.isArray(value))) throw typeError(value, place, 'struct {}');
    return {};
  },
  write: () => ({}),
};

const portBinding = struct('PortBinding', { HostIp: text, HostPort: text });

/** The host ports of one container port; null when it is exposed but not published. */
export const portBindings: Codec<PortBindings> = {
  goType: '[]nat.PortBinding',
  zero: () => ({ items: [] }),
  read(value, place) {
    if (value === null) return { items: [] };
    if (!Array.isArray(value)) throw typeError(value, place, '[]nat.PortBinding');
    return { items: value.map((item: Json) => portBinding.read(item, place)) };
  },
  write: (value, version) => (value.items.length === 0 ? null : value.items.map((item) => portBinding.write(item, version))),
};
