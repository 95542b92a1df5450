/**
 * Rules that add. nf_tables knows no sum, and its own way to move a range of ports passes on to a neighbour when a port is taken. But it looks
 * things up: a map of the sums of two digits of two bits and a carry, asked once for each digit, adds any two numbers.
 */
import * as expression from './expression';
import { FIELD, type Element, type SetShape } from './transaction';

const BITS = 2;
const BASE = 1 << BITS;
const DIGITS = 16 / BITS;
const WORD = 4;

/** Nothing, the carry and the digit of the sum, by two digits and a carry. */
export const SUMS = {
  name: 'sums',
  id: 18,
  key: [FIELD.mark, FIELD.mark, FIELD.mark],
  keyLength: 3 * WORD,
  data: [FIELD.mark, FIELD.mark, FIELD.mark],
  dataLength: 3 * WORD,
} as const satisfies SetShape;

const words = (...numbers: number[]): Buffer => Buffer.concat(numbers.map(expression.word));

export function sums(): Element[] {
  const digits = Array.from({ length: BASE }, (_, digit) => digit);
  return digits.flatMap((a) =>
    digits.flatMap((b) =>
      [0, 1].map((carry) => ({
        key: words(a, b, carry),
        data: words(0, a + b + carry >= BASE ? 1 : 0, (a + b + carry) % BASE),
      })),
    ),
  );
}

/**
 * Adds two ports in two registers, without a carry out of 65,535, so that offsets may be negative. Others are taken, too: 0 to 2 for two digits and
 * a carry that are asked for, 12 to 15 for what the map holds for them and for the sum, into which its digits are shifted from above.
 *
 * Some of it is for nft, which lists rules by following what is in each register: it complains of one that nothing of its own was put into, and ends
 * where it shall look for what came out of a map. Thus each is filled by itself at first, and what comes out first is nothing.
 */
export function addPorts([a, b]: readonly [number, number]): { readonly expressions: expression.Expression[]; readonly sum: number } {
  const [first, second, third] = [0, 1, 2].map(expression.register) as [number, number, number];
  const [found, carry, digit, sum] = [12, 13, 14, 15].map(expression.register) as [number, number, number, number];
  const mask = words(BASE - 1);
  return {
    expressions: [
      expression.swapBytes(a, 'host', WORD),
      expression.swapBytes(b, 'host', WORD),
      ...[carry, digit, sum].map((into) => expression.loadConstant(into, words(0))),
      ...Array.from({ length: DIGITS }, () => [
        expression.and(a, mask, first),
        expression.and(b, mask, second),
        expression.and(carry, mask, third),
        expression.loadFromMap(SUMS.name, first, found),
        expression.shiftRight(digit, BITS, 2 * WORD),
        expression.shiftRight(a, BITS, WORD),
        expression.shiftRight(b, BITS, WORD),
      ]).flat(),
      expression.shiftRight(sum, 16, WORD),
      expression.swapBytes(sum, 'wire', WORD),
    ],
    sum,
  };
}
