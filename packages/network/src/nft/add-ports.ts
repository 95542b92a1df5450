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

/** Carry and digit of the sum, by two digits and a carry. */
export const SUMS = {
  name: 'sums',
  id: 18,
  key: [FIELD.mark, FIELD.mark, FIELD.mark],
  keyLength: 3 * WORD,
  data: [FIELD.mark, FIELD.mark],
  dataLength: 2 * WORD,
} as const satisfies SetShape;

const words = (...numbers: number[]): Buffer => Buffer.concat(numbers.map(expression.word));

export function sums(): Element[] {
  const digits = Array.from({ length: BASE }, (_, digit) => digit);
  return digits.flatMap((a) =>
    digits.flatMap((b) =>
      [0, 1].map((carry) => ({
        key: words(a, b, carry),
        data: words(a + b + carry >= BASE ? 1 : 0, (a + b + carry) % BASE),
      })),
    ),
  );
}

/**
 * Adds two ports that are in registers one behind the other, without a carry out of 65,535, so that offsets may be negative. Registers 8 to 12 are
 * taken: two digits, the carry, the sum's digit and the sum, into which its digits are shifted from above. The sum is in the last one.
 */
export function addPorts(registers: number): { readonly expressions: expression.Expression[]; readonly sum: number } {
  const [digits, carry, digit, sum] = [8, 10, 11, 12].map(expression.register) as [number, number, number, number];
  const zero = words(0);
  return {
    expressions: [
      expression.swapBytes(registers, 'host', 2 * WORD),
      expression.loadConstant(carry, zero),
      expression.loadConstant(sum, zero),
      ...Array.from({ length: DIGITS }, () => [
        expression.and(registers, words(BASE - 1, BASE - 1), digits),
        expression.loadFromMap(SUMS.name, digits, carry),
        expression.shiftRight(digit, BITS, 2 * WORD),
        expression.shiftRight(registers, BITS, 2 * WORD),
      ]).flat(),
      expression.shiftRight(sum, 16, WORD),
      expression.swapBytes(sum, 'wire', WORD),
    ],
    sum,
  };
}
