/** VXLAN networks that nothing may speak of in the clear: neither to this host nor from it. */
import type { Family } from '../address/cidr';
import * as expression from './expression';
import type { BaseChain, Element, SetShape } from './transaction';
import { FIELD } from './transaction';

export interface EncryptedRules {
  readonly vni: number;
  /** Whose states its packets take, and none of others. */
  readonly tag: number;
  /** UDP port of VXLAN. */
  readonly port: number;
  /** Of the way between the hosts. */
  readonly family: Family;
}

/** `by` holds which states may carry which network. */
export const ENCRYPTED_SETS = {
  encrypted: { name: 'encrypted', id: 21, key: [FIELD.port, FIELD.mark], keyLength: 8 },
  encryptedBy: { name: 'encrypted-by', id: 22, key: [FIELD.port, FIELD.mark, FIELD.mark], keyLength: 12 },
} as const satisfies Record<string, SetShape>;

const [R0, R1, R2] = [0, 1, 2].map(expression.register) as [number, number, number];
const UDP = Buffer.from([17]);

/** Port and VXLAN id of a packet of UDP. A fragment has been put together before. */
const network = [
  expression.loadMeta(expression.META.l4Protocol, R0),
  expression.compare(R0, 'equal', UDP),
  expression.loadPayload(expression.HEADER.transport, 2, 2, R0),
  expression.loadPayload(expression.HEADER.transport, 12, 3, R1),
];

const rules = (direction: 'in' | 'out'): expression.Expression[][] => [
  [
    ...network,
    expression.loadWhoseState(direction, R2),
    expression.inSet(ENCRYPTED_SETS.encryptedBy.name, R0),
    expression.verdict(expression.VERDICT.accept),
  ],
  [...network, expression.inSet(ENCRYPTED_SETS.encrypted.name, R0), expression.verdict(expression.VERDICT.drop)],
];

/** Beside the policies of xfrm: whoever takes those away, or turns xfrm off for a device, sends nothing all the same. */
export const ENCRYPTED_CHAINS: readonly (BaseChain & { readonly rules: readonly (readonly expression.Expression[])[] })[] = [
  { name: 'encrypted-in', type: 'filter', hook: 'input', priority: -1, rules: rules('in') },
  { name: 'encrypted-out', type: 'filter', hook: 'postrouting', priority: 99, rules: rules('out') },
];

/** What one network has in the sets. */
export function encryptedElements({ vni, tag, port }: EncryptedRules): Record<keyof typeof ENCRYPTED_SETS, Element[]> {
  const head = Buffer.alloc(8);
  head.writeUInt16BE(port, 0);
  head.writeUIntBE(vni, 4, 3);
  return { encrypted: [{ key: head }], encryptedBy: [{ key: Buffer.concat([head, expression.word(tag)]) }] };
}

/** What asks the kernel whether it has such rules. */
export const probeRule = (): expression.Expression[] => [expression.loadWhoseState('in', R0)];
