import { invalidArgument, outOfRange } from '@gantry/rpc/errors';
import { globExpression } from './glob';
import { expansion } from './weight';

/** Looks for something in a text, in time that grows with the text and never faster. */
export interface Pattern {
  /** True when the pattern is found anywhere in the text. */
  test(text: string): boolean;
  /** The text with each match replaced: `$1`, `${1}`, `$name` and `${name}` of the template stand for groups, `$$` for a dollar, as in Go. */
  replaceAll(text: string, template: string): string;
}

/** Longest pattern taken. */
const LENGTH_LIMIT = 4096;
/** How much counted repetitions (`x{1000}`) may add to a pattern: RE2 allows as much in each of them. */
const EXPANSION_LIMIT = 1000;

/** Letters that stand for themselves in every pattern. */
const PLAIN = /^[\w /:@,=-]*$/;

/**
 * A client's regular expression in Go's syntax, as dockerd and containerd take it. The one door for patterns from outside: V8's own
 * engine backtracks, and a nested quantifier on the event loop would stop every service. Throws invalidArgument for what is no pattern,
 * with Go's words, and outOfRange for one that is too large.
 */
export function compilePattern(source: string): Pattern {
  if (source !== '' && PLAIN.test(source))
    return {
      test: (text) => text.includes(source),
      replaceAll: (text, template) => text.replaceAll(source, () => expand(template, [source], {})),
    };
  if (source.length > LENGTH_LIMIT) throw outOfRange(`pattern ${shown(source)} has more than ${LENGTH_LIMIT} characters`);
  if (expansion(source) > EXPANSION_LIMIT)
    throw outOfRange(`pattern ${shown(source)}: its repetitions add up to more than ${EXPANSION_LIMIT}`);
  return compile(source);
}

/**
 * A pattern in the syntax of Go's path.Match (`*`, `?`, `[a-z]`, `\c`), which a whole text matches. Throws invalidArgument for what is no
 * pattern.
 */
export function compileGlob(glob: string): Pattern {
  if (glob.length > LENGTH_LIMIT) throw outOfRange(`pattern ${shown(glob)} has more than ${LENGTH_LIMIT} characters`);
  const expression = globExpression(glob);
  if (expression === undefined) throw invalidArgument(`syntax error in pattern ${shown(glob)}`);
  return compile(`^${expression}$`);
}

/** Loaded when the first pattern comes: its tables take some MiB that most engines never need. */
function compile(source: string): Pattern {
  const { RE2JS, RE2JSException } = require('re2js') as typeof import('re2js');
  try {
    const compiled = RE2JS.compile(source);
    const names = compiled.namedGroups();
    const count = compiled.groupCount() + 1;
    return {
      test: (text) => compiled.test(text),
      replaceAll: (text, template) =>
        compiled.matcher(text).replaceAll((...groups: unknown[]) => expand(template, groups.slice(0, count), names)),
    };
  } catch (error) {
    if (error instanceof RE2JSException) throw invalidArgument(error.message, { cause: error });
    throw error;
  }
}

function shown(source: string): string {
  return JSON.stringify(source.length > 80 ? `${source.slice(0, 80)}…` : source);
}

/** A template with the groups of a match in it; a name that is no group stands for nothing. */
function expand(template: string, groups: readonly unknown[], names: Readonly<Record<string, number>>): string {
  return template.replace(
    /\$(?:(\$)|(\w+)|\{(\w+)\})/g,
    (_, dollar: string | undefined, bare: string | undefined, braced: string | undefined) => {
      if (dollar !== undefined) return '$';
      const name = bare ?? braced ?? '';
      const at = /^\d+$/.test(name) ? Number(name) : Object.hasOwn(names, name) ? names[name] : undefined;
      const group = at === undefined ? undefined : groups[at];
      return typeof group === 'string' ? group : '';
    },
  );
}
