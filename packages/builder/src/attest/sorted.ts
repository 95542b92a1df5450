/** The members in the order of their names, as Go writes maps: the same is the same, to the byte. */
export const sorted = <T>(members: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(members).sort(([a], [b]) => (a < b ? -1 : 1)));
