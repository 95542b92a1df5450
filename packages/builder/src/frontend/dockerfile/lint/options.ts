import { goBool, quoted } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';

/** Which checks are made and what a violation means: `skip=A,B;error=true;experimental=all`. */
export interface LintOptions {
  readonly skip: 'all' | readonly string[];
  readonly experimental: 'all' | readonly string[];
  readonly error: boolean;
}

export const defaultLintOptions: LintOptions = { skip: [], experimental: [], error: false };

export function parseLintOptions(text: string): LintOptions {
  const options: { -readonly [K in keyof LintOptions]: LintOptions[K] } = { ...defaultLintOptions };
  if (text.trim() === '') return options;
  const [first = '', second, ...rest] = text.trim().split(';');
  for (const part of [first, second, rest.length === 0 ? undefined : rest.join(';')]) {
    if (part === undefined) continue;
    const equals = part.indexOf('=');
    if (equals < 0) throw invalidArgument(`invalid check option ${quoted(part)}`);
    const key = part.slice(0, equals).trim();
    const value = part.slice(equals + 1).trim();
    switch (key) {
      case 'skip':
      case 'experimental':
        options[key] = value === 'all' ? 'all' : value.split(',').map((rule) => rule.trim());
        break;
      case 'error': {
        const wanted = goBool(value);
        if (wanted === undefined)
          throw invalidArgument(
            `failed to parse check option ${quoted(part)}: strconv.ParseBool: parsing ${quoted(value)}: invalid syntax`,
          );
        options.error = wanted;
        break;
      }
      default:
        throw invalidArgument(`invalid check option ${quoted(key)}`);
    }
  }
  return options;
}
