const POWERS: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4, p: 5 };

/** A number of bytes with a binary unit: `64m`, `1.5 GiB`; undefined for what is none. */
export function bytesOf(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d+(?:\.\d*)?|\.\d+) ?([kmgtp]?)(?:i?b)?$/i.exec(text) ?? [];
  if (count === undefined) return undefined;
  return Math.trunc(Number(count) * 1024 ** (POWERS[unit.toLowerCase()] ?? 0));
}
