/** Finds chains of others that drop what we forward, and holds our place in one of them. */
import * as attribute from '../netlink/attribute';
import type { NetlinkConnection } from '../netlink/connection';
import type { Reply, Request } from '../netlink/message';
import { FLAG } from '../netlink/message';
import * as expression from '../nft/expression';
import type { Family } from '../nft/transaction';
import { FAMILY, addRule, commentData, deleteRule, transaction } from '../nft/transaction';

const SUBSYSTEM = 10 << 8;
const MESSAGE = { newChain: 3, getChain: 4, newRule: 6, getRule: 7 } as const;
const HOOK_FORWARD = 2;
const POLICY_DROP = 0;
const COMMENT = 'gantry forwards';
const FAMILY_NAMES: Readonly<Record<number, string>> = { [FAMILY.ip]: 'ip', [FAMILY.inet]: 'inet', [FAMILY.ip6]: 'ip6' };

/** A base chain of somebody else on the forward hook that ends in a drop. */
export interface ForeignChain {
  readonly family: Family;
  readonly table: string;
  readonly chain: string;
  /** How it drops what nothing accepted before. */
  readonly by: 'policy' | 'last rule';
  /** Handles of the rules that we put there. */
  readonly ours: readonly bigint[];
}

export function describe(chain: ForeignChain): string {
  return `${FAMILY_NAMES[chain.family] ?? chain.family} ${chain.table} ${chain.chain}`;
}

const dump = (type: number, family: number, attributes: readonly Buffer[], purpose: string): Request => ({
  type: SUBSYSTEM | type,
  flags: FLAG.dump,
  body: Buffer.concat([Buffer.from([family, 0, 0, 0]), ...attributes]),
  purpose,
});

/** Chains on the forward hook, except in tables of ours, that drop by policy or by an unconditional last rule. */
export async function findForeignChains(connection: NetlinkConnection, isOurs: (table: string) => boolean): Promise<ForeignChain[]> {
  const found: ForeignChain[] = [];
  for (const reply of await connection.request([dump(MESSAGE.getChain, 0, [], 'list nft chains')])) {
    const base = readForwardChain(reply);
    if (base === undefined || isOurs(base.table)) continue;
    const scope = [attribute.text(1, base.table), attribute.text(2, base.chain)];
    const replies = await connection.request([
      dump(MESSAGE.getRule, base.family, scope, `list nft rules of "${base.table}/${base.chain}"`),
    ]);
    const rules = replies
      .map((rule) => attribute.read(rule.body.subarray(4)))
      .filter((rule) => attribute.readText(rule, 1) === base.table && attribute.readText(rule, 2) === base.chain);
    const ours = rules
      .filter((rule) => rule.get(7)?.equals(commentData(COMMENT)) === true)
      .map((rule) => rule.get(3)?.readBigUInt64BE(0) ?? 0n);
    const last = rules.at(-1);
    const by = base.drops ? 'policy' : last !== undefined && dropsAll(last) ? 'last rule' : undefined;
    if (by !== undefined || ours.length > 0)
      found.push({ family: base.family, table: base.table, chain: base.chain, by: by ?? 'policy', ours });
  }
  return found;
}

function readForwardChain(reply: Reply): { family: Family; table: string; chain: string; drops: boolean } | undefined {
  const family = reply.body.readUInt8(0);
  if (reply.type !== (SUBSYSTEM | MESSAGE.newChain) || (family !== FAMILY.ip && family !== FAMILY.inet && family !== FAMILY.ip6))
    return undefined;
  const attributes = attribute.read(reply.body.subarray(4));
  const hook = attributes.get(4);
  if (hook === undefined || attribute.read(hook).get(1)?.readUInt32BE(0) !== HOOK_FORWARD) return undefined;
  return {
    family,
    table: attribute.readText(attributes, 1),
    chain: attribute.readText(attributes, 3),
    drops: attributes.get(5)?.readUInt32BE(0) === POLICY_DROP,
  };
}

/** A rule of nothing but counters and a drop or reject. */
function dropsAll(rule: attribute.Attributes): boolean {
  const expressions = attribute.readList(rule.get(4) ?? Buffer.alloc(0)).map(([, payload]) => attribute.read(payload));
  const acting = expressions.filter((entry) => attribute.readText(entry, 1) !== 'counter');
  const [only, second] = acting;
  if (only === undefined || second !== undefined) return false;
  const name = attribute.readText(only, 1);
  if (name === 'reject') return true;
  if (name !== 'immediate') return false;
  const verdict = attribute.read(attribute.read(only.get(2) ?? Buffer.alloc(0)).get(2) ?? Buffer.alloc(0)).get(2);
  const code = verdict === undefined ? undefined : attribute.read(verdict).get(1)?.readInt32BE(0);
  return code === expression.VERDICT.drop;
}

/** Puts one rule first that accepts what carries our mark, where it is not there yet. */
export async function insertAccept(connection: NetlinkConnection, chain: ForeignChain, markBit: number): Promise<void> {
  if (chain.ours.length > 0) return;
  const register = expression.register(0);
  const bit = expression.word(markBit);
  const rule = [
    expression.loadMeta(expression.META.mark, register),
    expression.and(register, bit),
    expression.compare(register, 'equal', bit),
    expression.verdict(expression.VERDICT.accept),
  ];
  await connection.request(transaction([addRule(chain.family, chain.table, chain.chain, rule, { comment: COMMENT, first: true })]));
}

export async function removeAccept(connection: NetlinkConnection, chain: ForeignChain): Promise<void> {
  if (chain.ours.length === 0) return;
  await connection.request(transaction(chain.ours.map((handle) => deleteRule(chain.family, chain.table, chain.chain, handle))));
}
