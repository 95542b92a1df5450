/** A number as it was written, so that 64 bit integers keep every digit and 1.0 is not taken for 1. */
export class JsonNumber {
  constructor(readonly source: string) {}
}

/** Members in the order written, duplicates included (the last one wins, as in Go). */
export class JsonObject {
  constructor(readonly members: readonly (readonly [key: string, value: Json])[]) {}
}

export type Json = null | boolean | string | JsonNumber | JsonObject | readonly Json[];

/** Go's name for the kind of a JSON value in its unmarshalling errors. */
export function kindOf(value: Json): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (value instanceof JsonNumber) return 'number';
  return value instanceof JsonObject ? 'object' : 'array';
}

/** True for null, false, 0, "", [] and {}, and for objects and lists of nothing else: what Go's zero value encodes to. */
export function isZero(value: Json): boolean {
  if (value === null || value === false || value === '') return true;
  if (value instanceof JsonNumber) return Number(value.source) === 0;
  if (value instanceof JsonObject) return value.members.every(([, member]) => isZero(member));
  return Array.isArray(value) && value.length === 0;
}
