import type { SourceInfo } from '@gantry/api/pb/ops';
import type { Lines } from '@gantry/dockerfile';

const RULE = '-'.repeat(20);

/** The lines of a file that something is about, with some around them. */
export function excerpt({ filename, data }: SourceInfo, places: readonly Lines[]): string {
  const lines = data.toString().split('\n');
  const first = Math.min(...places.map(({ start }) => start));
  const last = Math.min(Math.max(...places.map(({ start, end }) => Math.max(start, end))), lines.length);
  if (places.length === 0 || first < 1 || first > lines.length) return '';
  let [start, end] = [first, last];
  for (let padding = first === last ? 4 : 2; padding > 0; padding--) {
    if (start > 1) {
      start--;
      padding--;
    }
    if (end !== lines.length) {
      end++;
      padding--;
    }
  }
  const body = lines.slice(start - 1, end).map((text, at) => {
    const number = start + at;
    const marked = places.some((place) => place.start <= number && number <= Math.max(place.start, place.end));
    return ` ${String(number).padStart(3)} | ${marked ? '>>>' : '   '} ${text}\n`;
  });
  return `${filename}:${first}\n${RULE}\n${body.join('')}${RULE}\n`;
}
