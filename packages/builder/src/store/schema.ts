/** A room's tables, as the statements that make them. Each room keeps its own beside its code; `build.db` is made of all. */
export type Tables = string;

/**
 * The versions of `build.db`, oldest first. A room that needs another table after the first release adds a version here; until then it writes it among its own
 * tables.
 */
export function schema(...rooms: readonly Tables[]): readonly string[] {
  return [rooms.join('\n')];
}
