import { invalidArgument } from '@gantry/rpc/errors';
import { unquote } from './quote';
import { Scanner, type Token } from './scanner';

export const operators = ['==', '!=', '~='] as const;
export type Operator = (typeof operators)[number];

/** One condition: a field path, and unless it only asks for presence, an operator and a value. */
export interface Condition {
  readonly path: readonly string[];
  readonly operator?: Operator;
  readonly value?: string;
}

/**
 * Reads one containerd filter: conditions joined by commas, e.g. `id~=^web,labels."com.example/tier"==front,image`. A path is words or quoted
 * strings joined by dots; a value is quoted, or runs to the next comma or white space; a regular expression may stand between slashes or bars.
 * White space may stand before a word, an operator and a value, and nowhere else. The empty filter has no condition. Throws invalidArgument
 * that shows the filter and the place.
 */
export function parseFilter(text: string): Condition[] {
  const scanner = new Scanner(text);

  const fail = (at: number, why: string): never => {
    const [before, char, after] = [scanner.slice(0, at), scanner.slice(at, at + 1), scanner.slice(at + 1)];
    throw invalidArgument(`filters: parse error: [${char === '' ? before : `${before} >|${char}|< ${after}`}]: ${why}`);
  };

  function literal({ at, text: written }: Token, allQuotes: boolean): string {
    if (!allQuotes && !written.startsWith('"')) return fail(at, 'invalid quote encountered');
    return unquote(written) ?? fail(at, 'unquoting failed: quote syntax error');
  }

  function field(): string {
    const token = scanner.scan();
    if (token.kind === 'field') return token.text;
    if (token.kind === 'quoted') return literal(token, false);
    return fail(token.at, token.kind === 'illegal' ? token.text : 'expected field or quoted');
  }

  function operator(): Operator {
    const token = scanner.scan();
    if (token.kind !== 'operator') return fail(token.at, token.kind === 'illegal' ? token.text : 'expected an operator ("=="|"!="|"~=")');
    return operators.find((known) => known === token.text) ?? fail(token.at, `unsupported operator "${token.text}"`);
  }

  function value(allQuotes: boolean): string {
    const token = scanner.scan();
    if (token.kind === 'value') return token.text;
    if (token.kind === 'quoted') return literal(token, allQuotes);
    return fail(token.at, token.kind === 'illegal' ? token.text : 'expected value or quoted');
  }

  function condition(): Condition {
    const path = [field()];
    while (scanner.peek() === '.') {
      scanner.scan();
      path.push(field());
    }
    if (scanner.peek() === '' || scanner.peek() === ',') return { path };
    const found = operator();
    return { path, operator: found, value: value(found === '~=') };
  }

  if (text === '') return [];
  const conditions = [condition()];
  while (scanner.peek() !== '') {
    if (scanner.peek() !== ',') return fail(scanner.at, `unexpected input: ${scanner.peek()}`);
    scanner.scan();
    conditions.push(condition());
  }
  return conditions;
}
