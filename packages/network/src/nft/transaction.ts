/** nf_tables messages; a list of them is one atomic transaction. */
import * as attribute from '../netlink/attribute';
import type { Reply, Request } from '../netlink/message';
import { FLAG } from '../netlink/message';
import type { Expression } from './expression';

const SUBSYSTEM = 10 << 8;
const MESSAGE = {
  newTable: 0,
  getTable: 1,
  deleteTable: 2,
  newChain: 3,
  newRule: 6,
  deleteRule: 8,
  newSet: 9,
  newElement: 12,
  deleteElement: 14,
} as const;
const BATCH_BEGIN = 16;
const BATCH_END = 17;
const SET_MAP = 8;
const SET_INTERVAL = 4;
const SET_CONCATENATED = 128;
const ELEMENT_INTERVAL_END = 1;

export const FAMILY = { inet: 1, ip: 2, ip6: 10 } as const;
export type Family = (typeof FAMILY)[keyof typeof FAMILY];

function header(family: number, resource = 0): Buffer {
  return Buffer.from([family, 0, resource >> 8, resource & 255]);
}

function message(type: number, flags: number, family: number, attributes: readonly Buffer[], purpose: string): Request {
  return { type: SUBSYSTEM | type, flags, body: Buffer.concat([header(family), ...attributes]), purpose };
}

/** Wraps the messages so that the kernel applies all or none; only the last is acknowledged, errors are always told. */
export function transaction(messages: readonly Request[]): Request[] {
  const acknowledged = messages.map((entry, index) =>
    index === messages.length - 1 ? { ...entry, flags: entry.flags | FLAG.ack } : entry,
  );
  const edge = (type: number, purpose: string): Request => ({ type, flags: 0, body: header(0, 10), purpose });
  return [edge(BATCH_BEGIN, 'begin nft transaction'), ...acknowledged, edge(BATCH_END, 'commit nft transaction')];
}

/** Makes the table, or finds it there. */
export function addTable(family: Family, table: string): Request {
  return message(MESSAGE.newTable, FLAG.create, family, [attribute.text(1, table)], `create nft table "${table}"`);
}

export function deleteTable(family: Family, table: string): Request {
  return message(MESSAGE.deleteTable, 0, family, [attribute.text(1, table)], `delete nft table "${table}"`);
}

/** Answers with the table, or ENOENT. Not part of a transaction. */
export function getTable(family: Family, table: string): Request {
  return message(MESSAGE.getTable, 0, family, [attribute.text(1, table)], `find nft table "${table}"`);
}

export function listTables(): Request {
  return message(MESSAGE.getTable, FLAG.dump, FAMILY.ip, [], 'list nft tables');
}

/** Names of the tables in the answer to `listTables`. */
export function readTables(replies: readonly Reply[]): string[] {
  return replies
    .filter((reply) => reply.type === (SUBSYSTEM | MESSAGE.newTable))
    .map((reply) => attribute.readText(attribute.read(reply.body.subarray(4)), 1));
}

export interface BaseChain {
  readonly name: string;
  readonly type: 'filter' | 'nat';
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';
  /** Lower runs first: raw -300, conntrack -200, dstnat -100, filter 0, srcnat 100. */
  readonly priority: number;
}

const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const satisfies Record<BaseChain['hook'], number>;

/** A base chain with policy accept: what Gantry has no rule for is none of its business. */
export function addChain(family: Family, table: string, chain: BaseChain): Request {
  const attributes = [
    attribute.text(1, table),
    attribute.text(3, chain.name),
    attribute.nested(4, [attribute.be32(1, HOOKS[chain.hook]), attribute.be32(2, chain.priority)]),
    attribute.be32(5, 1),
    attribute.text(7, chain.type),
  ];
  return message(MESSAGE.newChain, FLAG.create, family, attributes, `create nft chain "${table}/${chain.name}"`);
}

/** libnftables' encoding of a rule comment in the rule's user data: type 0, length, text with NUL. */
export function commentData(comment: string): Buffer {
  const bytes = Buffer.from(`${comment}\0`, 'latin1');
  return Buffer.concat([Buffer.from([0, bytes.length]), bytes]);
}

export interface RuleOptions {
  readonly comment?: string;
  /** Put it before all others instead of after them. */
  readonly first?: boolean;
}

export function addRule(
  family: Family,
  table: string,
  chain: string,
  expressions: readonly Expression[],
  options: RuleOptions = {},
): Request {
  const attributes = [attribute.text(1, table), attribute.text(2, chain), attribute.nested(4, expressions)];
  if (options.comment !== undefined) attributes.push(attribute.raw(7, commentData(options.comment)));
  return message(
    MESSAGE.newRule,
    FLAG.create | (options.first === true ? 0 : FLAG.append),
    family,
    attributes,
    `add nft rule to "${table}/${chain}"`,
  );
}

export function deleteRule(family: Family, table: string, chain: string, handle: bigint): Request {
  const attributes = [attribute.text(1, table), attribute.text(2, chain), attribute.be64(3, handle)];
  return message(MESSAGE.deleteRule, 0, family, attributes, `delete nft rule ${handle} of "${table}/${chain}"`);
}

/** nft's numbers for the fields of a key, so that `nft list` can print it. */
export const FIELD = { address: 7, address6: 8, protocol: 12, port: 13, mark: 19, interfaceName: 41 } as const;

export interface SetShape {
  readonly name: string;
  readonly id: number;
  readonly key: readonly number[];
  readonly keyLength: number;
  /** Present for a map. */
  readonly data?: readonly number[];
  readonly dataLength?: number;
  /** Elements are the edges of intervals. */
  readonly intervals?: boolean;
  /** Each field of a key may be a range: the bytes of each, which a key pads to words. */
  readonly ranges?: readonly number[];
}

/** libnftables' note that a key's bytes are in host order, without which it prints an interface name as empty. */
const HOST_ORDER_KEY = Buffer.from([0, 4, 1, 0, 0, 0]);

const typeOf = (fields: readonly number[]): number => fields.reduce((type, field) => (type << 6) | field, 0);

const flagsOf = ({ data, intervals, ranges }: SetShape): number =>
  (data === undefined ? 0 : SET_MAP) |
  (intervals === true ? SET_INTERVAL : 0) |
  (ranges === undefined ? 0 : SET_INTERVAL | SET_CONCATENATED);

const fieldOf = (length: number): Buffer => attribute.nested(1, [attribute.be32(1, length)]);

export function addSet(family: Family, table: string, set: SetShape): Request {
  const attributes = [
    attribute.text(1, table),
    attribute.text(2, set.name),
    attribute.be32(3, flagsOf(set)),
    attribute.be32(4, typeOf(set.key)),
    attribute.be32(5, set.keyLength),
    attribute.be32(10, set.id),
  ];
  if (set.key.length === 1 && set.key[0] === FIELD.interfaceName) attributes.push(attribute.raw(13, HOST_ORDER_KEY));
  if (set.ranges !== undefined) attributes.push(attribute.nested(9, [attribute.nested(2, set.ranges.map(fieldOf))]));
  if (set.data !== undefined) attributes.push(attribute.be32(6, typeOf(set.data)), attribute.be32(7, set.dataLength ?? 0));
  return message(MESSAGE.newSet, FLAG.create, family, attributes, `create nft set "${table}/${set.name}"`);
}

export interface Element {
  readonly key: Buffer;
  /** Last key of a range. */
  readonly keyEnd?: Buffer;
  readonly data?: Buffer;
  /** First key behind an interval. */
  readonly intervalEnd?: boolean;
}

/** A list attribute holds 64 KiB, so many elements take several messages. */
const ELEMENTS_PER_MESSAGE = 500;

function elements(
  type: number,
  flags: number,
  family: Family,
  [table, set]: readonly [string, string],
  list: readonly Element[],
): Request[] {
  const verb = type === MESSAGE.newElement ? 'add to' : 'delete from';
  const requests: Request[] = [];
  for (let at = 0; at < list.length; at += ELEMENTS_PER_MESSAGE) {
    const entries = list.slice(at, at + ELEMENTS_PER_MESSAGE).map((element) => {
      const parts = [attribute.nested(1, [attribute.raw(1, element.key)])];
      if (element.keyEnd !== undefined) parts.push(attribute.nested(10, [attribute.raw(1, element.keyEnd)]));
      if (element.data !== undefined) parts.push(attribute.nested(2, [attribute.raw(1, element.data)]));
      if (element.intervalEnd === true) parts.push(attribute.be32(3, ELEMENT_INTERVAL_END));
      return attribute.nested(1, parts);
    });
    const attributes = [attribute.text(1, table), attribute.text(2, set), attribute.nested(3, entries)];
    requests.push(message(type, flags, family, attributes, `${verb} nft set "${table}/${set}"`));
  }
  return requests;
}

export function addElements(family: Family, set: readonly [table: string, set: string], list: readonly Element[]): Request[] {
  return elements(MESSAGE.newElement, FLAG.create, family, set, list);
}

/** Fails as a whole with ENOENT when one of them is not there. */
export function deleteElements(family: Family, set: readonly [table: string, set: string], list: readonly Element[]): Request[] {
  return elements(
    MESSAGE.deleteElement,
    0,
    family,
    set,
    list.map(({ data: _data, ...element }) => element),
  );
}
