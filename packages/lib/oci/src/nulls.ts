/**
 * A document without its members that are null: Go's programs write an empty list, map or pointer so, and read null as nothing. What is null in a list
 * stays for who reads the list.
 */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, withoutNulls(member)]])));
}
