import { rangesOf } from '../convert/ranges';
import type { OnViolation } from '../lint/linter';
import type { Build } from './build';

/** Tells violations as warnings of the step that brought the Dockerfile. */
export function warn({ request, entry }: Pick<Build, 'request' | 'entry'>): OnViolation {
  return (rule, message, lines) => {
    const place = lines.start > 0 ? ` (line ${lines.start})` : '';
    request.bridge.warn(entry.vertex, {
      level: 1,
      short: `${rule.name}: ${message}${place}`,
      detail: [rule.description],
      url: rule.url,
      source: entry.source,
      ranges: rangesOf(lines),
    });
  };
}
