/** A room's tables, as the statements that make them. Each room keeps its own beside its code; `build.db` is made of all. */
export type Tables = string;

/** The versions of `build.db`, oldest first: that of the rooms' first tables, then what was changed of them, each a version that stays as it is. */
export function schema(rooms: readonly Tables[], changes: readonly string[]): readonly string[] {
  return [rooms.join('\n'), ...changes];
}
