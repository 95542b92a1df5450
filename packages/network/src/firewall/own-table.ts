import { isDeepStrictEqual } from 'node:util';
import type { Family } from '../address/cidr';
import type { NetlinkConnection } from '../netlink/connection';
import { isNetlinkError } from '../netlink/connection';
import type { Request } from '../netlink/message';
import { type EncryptedRules, probeRule } from '../nft/encrypted';
import { joinPorts, keyOfRange, type PortRange } from '../nft/port-ranges';
import type { BridgeRules, PortRule, RulesetOptions } from '../nft/ruleset';
import { addBridge, addPorts, installTable, removeBridge, removePorts, removeTable, TABLE_FAMILY } from '../nft/ruleset';
import { addChain, addRule, addTable, deleteTable, FAMILY, getTable, transaction } from '../nft/transaction';

/**
 * Gantry's nft tables and what should be in them: always one for IPv4, one for IPv6 as long as a network has any. The wish is kept in memory, so the
 * tables can be put back as a whole when somebody flushed the host's ruleset.
 */
export class OwnTable {
  readonly #bridges = new Map<string, BridgeRules>();
  readonly #ports = new Map<string, readonly PortRange[]>();
  readonly #encrypted = new Map<number, EncryptedRules>();
  #installed: readonly Family[] = [];

  constructor(
    private readonly connection: NetlinkConnection,
    private readonly options: RulesetOptions,
    /** Of which families; of others the wish is noted and nothing is ever installed. */
    private readonly wanted: Readonly<Record<Family, boolean>> = { 4: true, 6: true },
  ) {}

  /** Builds the tables from all that was told until now, in one transaction. */
  async install(): Promise<void> {
    if (!this.wanted[4]) return;
    if (!this.#families().includes(6)) await this.#clear(6);
    const families = this.#families();
    const content = {
      bridges: [...this.#bridges.values()],
      ports: [...this.#ports.values()].flat(),
      encrypted: [...this.#encrypted.values()],
    };
    await this.connection.request(transaction(families.flatMap((family) => installTable(family, this.options, content))));
    this.#installed = families;
  }

  /** Puts the tables back when one of them is gone; true when it was. */
  async repair(): Promise<boolean> {
    if (!this.wanted[4]) return false;
    for (const family of this.#families()) {
      if (await this.#isThere(family)) continue;
      await this.install();
      return true;
    }
    return false;
  }

  async addBridge(bridge: BridgeRules): Promise<void> {
    if (this.#bridges.has(bridge.device)) return;
    this.#bridges.set(bridge.device, bridge);
    await this.#apply((family) => addBridge(family, this.options.table, bridge));
  }

  async removeBridge(device: string): Promise<void> {
    const bridge = this.#bridges.get(device);
    if (bridge === undefined) return;
    this.#bridges.delete(device);
    await this.#apply((family) => removeBridge(family, this.options.table, bridge));
  }

  /** Translates the ports of an endpoint, in place of those that it had; what stays is not missing for a moment. */
  async publish(endpointId: string, rules: readonly PortRule[]): Promise<void> {
    const ranges = joinPorts(rules);
    const before = byKey(this.#ports.get(endpointId) ?? []);
    const after = byKey(ranges);
    if (ranges.length === 0) this.#ports.delete(endpointId);
    else this.#ports.set(endpointId, ranges);
    const gone = [...before].filter(([key]) => !after.has(key)).map(([, range]) => range);
    const come = [...after].filter(([key]) => !before.has(key)).map(([, range]) => range);
    if (gone.length + come.length === 0) return;
    await this.#apply((family) => [...removePorts(family, this.options.table, gone), ...addPorts(family, this.options.table, come)]);
  }

  async unpublish(endpointId: string): Promise<void> {
    const rules = this.#ports.get(endpointId);
    if (rules === undefined) return;
    this.#ports.delete(endpointId);
    await this.#apply((family) => removePorts(family, this.options.table, rules));
  }

  /** Whether rules of the family are had at all, which networks that are encrypted need. */
  has(family: Family): boolean {
    return this.wanted[4] && this.wanted[family];
  }

  /** Whether the kernel has rules that ask for states of xfrm. What it is asked by is gone when it has answered. */
  async canTellStates(): Promise<boolean> {
    const probe = `${this.options.table}-probe`;
    const chain = { name: 'probe', type: 'filter', hook: 'prerouting', priority: 0 } as const;
    const messages = [addTable(FAMILY.ip, probe), addChain(FAMILY.ip, probe, chain), addRule(FAMILY.ip, probe, chain.name, probeRule())];
    try {
      await this.connection.request(transaction([...messages, deleteTable(FAMILY.ip, probe)]));
      return true;
    } catch (error) {
      if (isNetlinkError(error, 'ENOENT', 'EOPNOTSUPP', 'ENOTSUP')) return false;
      throw error;
    }
  }

  /** Of the network nothing comes in or leaves in the clear from now on. */
  async addEncrypted(rules: EncryptedRules): Promise<void> {
    if (isDeepStrictEqual(this.#encrypted.get(rules.vni), rules)) return;
    this.#encrypted.set(rules.vni, rules);
    if (this.#installed.length > 0) await this.install();
  }

  async removeEncrypted(vni: number): Promise<void> {
    if (this.#encrypted.delete(vni) && this.#installed.length > 0) await this.install();
  }

  async remove(): Promise<void> {
    await this.connection.request(transaction(removeTable(4, this.options.table)));
    await this.#clear(6);
    this.#installed = [];
  }

  #families(): readonly Family[] {
    const ipv6 =
      [...this.#bridges.values()].some(({ subnets }) => subnets[6] !== undefined) ||
      [...this.#encrypted.values()].some(({ family }) => family === 6);
    return this.wanted[6] && ipv6 ? [4, 6] : [4];
  }

  /** Before `install` the wish is only noted. A table or element that a stranger removed is answered by building all of it again. */
  async #apply(requests: (family: Family) => readonly Request[]): Promise<void> {
    if (this.#installed.length === 0) return;
    if (this.#installed.length !== this.#families().length) return this.install();
    const all = this.#installed.flatMap(requests);
    if (all.length === 0) return;
    try {
      await this.connection.request(transaction(all));
    } catch (error) {
      if (!isNetlinkError(error, 'ENOENT', 'EEXIST')) throw error;
      await this.install();
    }
  }

  /** Takes the table away, if it is there: a kernel without IPv6 is asked for none. */
  async #clear(family: Family): Promise<void> {
    if (await this.#isThere(family)) await this.connection.request(transaction(removeTable(family, this.options.table)));
  }

  async #isThere(family: Family): Promise<boolean> {
    try {
      await this.connection.request([getTable(TABLE_FAMILY[family], this.options.table)]);
      return true;
    } catch (error) {
      if (isNetlinkError(error, 'ENOENT')) return false;
      throw error;
    }
  }
}

/** Ranges by what they say. */
const byKey = (ranges: readonly PortRange[]): Map<string, PortRange> => new Map(ranges.map((range) => [keyOfRange(range), range]));
