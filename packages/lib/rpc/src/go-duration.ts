const UNITS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Go's duration text without a sign (`1h30m`, `0`) in milliseconds; undefined when it is none. */
export function parseGoDuration(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g))
    total += Number(number) * (UNITS[unit ?? ''] ?? 0);
  return total;
}

/** Nanoseconds as Go writes a duration: `1m30s`, `500ms`, `0s`. */
export function formatGoDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return '0s';
  const sign = nanoseconds < 0 ? '-' : '';
  const size = Math.abs(nanoseconds);
  if (size < 1e3) return `${sign}${size}ns`;
  if (size < 1e6) return `${sign}${decimal(size, 1e3)}µs`;
  if (size < 1e9) return `${sign}${decimal(size, 1e6)}ms`;
  const hours = Math.floor(size / 3_600e9);
  const minutes = Math.floor(size / 60e9) % 60;
  const seconds = decimal(size % 60e9, 1e9);
  return `${sign}${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}

function decimal(size: number, unit: number): string {
  const digits = String(unit).length - 1;
  const rest = String(size % unit)
    .padStart(digits, '0')
    .replace(/0+$/, '');
  return `${Math.floor(size / unit)}${rest === '' ? '' : `.${rest}`}`;
}
