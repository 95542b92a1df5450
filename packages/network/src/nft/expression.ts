/**
 * nf_tables expressions (linux/netfilter/nf_tables.h). A rule is a list of them over sixteen 32-bit registers: loads fill
 * registers, tests break off the rule, actions end it. All numbers are in network order; register contents are as on the wire.
 */
import * as attribute from '../netlink/attribute';

const LIST_ELEMENT = 1;
const EXPRESSION = { name: 1, data: 2 } as const;
const DATA = { value: 1, verdict: 2 } as const;

export type Expression = Buffer;

/** Register n of sixteen, as an attribute value (NFT_REG32_00 is 8). */
export const register = (n: number): number => 8 + n;

function expression(name: string, attributes: readonly Buffer[]): Expression {
  return attribute.nested(LIST_ELEMENT, [attribute.text(EXPRESSION.name, name), attribute.nested(EXPRESSION.data, attributes)]);
}

const value = (type: number, bytes: Uint8Array): Buffer => attribute.nested(type, [attribute.raw(DATA.value, bytes)]);

export const META = { mark: 3, inputName: 6, outputName: 7, l4Protocol: 16 } as const;

export function loadMeta(key: number, into: number): Expression {
  return expression('meta', [attribute.be32(2, key), attribute.be32(1, into)]);
}

/** Sets the packet mark from a register. */
export function storeMark(from: number): Expression {
  return expression('meta', [attribute.be32(2, META.mark), attribute.be32(3, from)]);
}

export function loadConstant(into: number, bytes: Uint8Array): Expression {
  return expression('immediate', [attribute.be32(1, into), value(2, bytes)]);
}

export const CT = { state: 0, status: 2 } as const;

export function loadConntrack(key: number, into: number): Expression {
  return expression('ct', [attribute.be32(2, key), attribute.be32(1, into)]);
}

/** `fib daddr type`: how the host routes the destination (RTN_LOCAL is 2). */
export function loadDestinationType(into: number): Expression {
  return expression('fib', [attribute.be32(1, into), attribute.be32(2, 3), attribute.be32(3, 1 << 1)]);
}

const WHOSE_STATE = 5;

/** Whose the xfrm state is by which the packet came, or is about to leave (`ipsec in|out reqid`); breaks off where there is none. */
export function loadWhoseState(direction: 'in' | 'out', into: number): Expression {
  return expression('xfrm', [
    attribute.be32(1, into),
    attribute.be32(2, WHOSE_STATE),
    attribute.u8(3, direction === 'in' ? 0 : 1),
    attribute.be32(4, 0),
  ]);
}

export const HEADER = { network: 1, transport: 2 } as const;

export function loadPayload(header: number, offset: number, length: number, into: number): Expression {
  return expression('payload', [attribute.be32(1, into), attribute.be32(2, header), attribute.be32(3, offset), attribute.be32(4, length)]);
}

/** register & mask, in place or into another one. */
export function and(from: number, mask: Buffer, into = from): Expression {
  const zero = Buffer.alloc(mask.length);
  return expression('bitwise', [
    attribute.be32(1, from),
    attribute.be32(2, into),
    attribute.be32(3, mask.length),
    value(4, mask),
    value(5, zero),
  ]);
}

/** register | bits, in place, for a value in host order. */
export function setBits(inRegister: number, bits: number): Expression {
  return expression('bitwise', [
    attribute.be32(1, inRegister),
    attribute.be32(2, inRegister),
    attribute.be32(3, 4),
    value(4, word(~bits)),
    value(5, word(bits)),
  ]);
}

const SHIFT_RIGHT = 2;

/** Shifts the bits of registers that follow each other, in place and in host order; what falls out of one goes into the next. */
export function shiftRight(registers: number, bits: number, length: number): Expression {
  return expression('bitwise', [
    attribute.be32(1, registers),
    attribute.be32(2, registers),
    attribute.be32(3, length),
    attribute.be32(6, SHIFT_RIGHT),
    value(7, word(bits)),
  ]);
}

/** Turns each two bytes around, in place: to the host's order of what is on the wire, or back. */
export function swapBytes(registers: number, to: 'host' | 'wire', length: number): Expression {
  return expression('byteorder', [
    attribute.be32(1, registers),
    attribute.be32(2, registers),
    attribute.be32(3, to === 'host' ? 0 : 1),
    attribute.be32(4, length),
    attribute.be32(5, 2),
  ]);
}

export function compare(inRegister: number, operator: 'equal' | 'different', bytes: Uint8Array): Expression {
  return expression('cmp', [attribute.be32(1, inRegister), attribute.be32(2, operator === 'equal' ? 0 : 1), value(3, bytes)]);
}

/** Continues when the key in the registers is (not) in the set. */
export function inSet(set: string, inRegister: number, inverted = false): Expression {
  const attributes = [attribute.text(1, set), attribute.be32(2, inRegister)];
  if (inverted) attributes.push(attribute.be32(5, 1));
  return expression('lookup', attributes);
}

/** Loads what the map holds for the key; breaks off when it holds nothing. */
export function loadFromMap(map: string, key: number, into: number): Expression {
  return expression('lookup', [attribute.text(1, map), attribute.be32(2, key), attribute.be32(3, into)]);
}

/** DNAT to the address and port in registers; an IPv6 address has four. Without a port that stays as it is. */
export function translateDestination(family: 4 | 6, address: number, port?: number): Expression {
  return expression('nat', [
    attribute.be32(1, 1),
    attribute.be32(2, NAT_FAMILY[family]),
    attribute.be32(3, address),
    ...(port === undefined ? [] : [attribute.be32(5, port)]),
  ]);
}

/** SNAT to the address in a register, or in four of them. */
export function translateSource(family: 4 | 6, address: number): Expression {
  return expression('nat', [attribute.be32(1, 0), attribute.be32(2, NAT_FAMILY[family]), attribute.be32(3, address)]);
}

/** NFPROTO_IPV4 and NFPROTO_IPV6. */
const NAT_FAMILY = { 4: 2, 6: 10 } as const;

export function masquerade(): Expression {
  return expression('masq', []);
}

export const VERDICT = { drop: 0, accept: 1 } as const;

export function verdict(code: number): Expression {
  return expression('immediate', [attribute.be32(1, 0), attribute.nested(2, [attribute.nested(DATA.verdict, [attribute.be32(1, code)])])]);
}

/** Host-order word, the order of what meta, ct and fib load. */
export function word(number: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(number >>> 0);
  return out;
}

/** An interface name as a register value: 16 bytes, NUL-padded. */
export function interfaceName(name: string): Buffer {
  const out = Buffer.alloc(16);
  out.write(name, 'latin1');
  return out;
}
