import type { NetlinkConnection } from '../netlink/connection';
import { isNetlinkError } from '../netlink/connection';
import type { Request } from '../netlink/message';
import type { BridgeRules, PortRule, RulesetOptions } from '../nft/ruleset';
import { addBridge, addPorts, installTable, removeBridge, removePorts, removeTable } from '../nft/ruleset';
import { getTable, transaction } from '../nft/transaction';

/**
 * Gantry's nft table and what should be in it. The wish is kept in memory, so the table can be put back as a whole when somebody
 * flushed the host's ruleset.
 */
export class OwnTable {
  readonly #bridges = new Map<string, BridgeRules>();
  readonly #ports = new Map<string, readonly PortRule[]>();
  #installed = false;

  constructor(
    private readonly connection: NetlinkConnection,
    private readonly options: RulesetOptions,
    /** Without: the wish is noted and nothing is ever installed. */
    private readonly wanted = true,
  ) {}

  /** Builds the table from all that was told until now, in one transaction. */
  async install(): Promise<void> {
    if (!this.wanted) return;
    await this.connection.request(transaction(installTable(this.options, [...this.#bridges.values()], [...this.#ports.values()].flat())));
    this.#installed = true;
  }

  /** Puts the table back when it is gone; true when it was. */
  async repair(): Promise<boolean> {
    if (!this.wanted) return false;
    try {
      await this.connection.request([getTable(this.options.table)]);
      return false;
    } catch (error) {
      if (!isNetlinkError(error, 'ENOENT')) throw error;
      await this.install();
      return true;
    }
  }

  async addBridge(bridge: BridgeRules): Promise<void> {
    if (this.#bridges.has(bridge.device)) return;
    this.#bridges.set(bridge.device, bridge);
    await this.#apply(addBridge(this.options.table, bridge));
  }

  async removeBridge(device: string): Promise<void> {
    const bridge = this.#bridges.get(device);
    if (bridge === undefined) return;
    this.#bridges.delete(device);
    await this.#apply(removeBridge(this.options.table, bridge));
  }

  /** Translates the ports of an endpoint, in place of those that it had. */
  async publish(endpointId: string, rules: readonly PortRule[]): Promise<void> {
    await this.unpublish(endpointId);
    if (rules.length === 0) return;
    this.#ports.set(endpointId, rules);
    await this.#apply(addPorts(this.options.table, rules));
  }

  async unpublish(endpointId: string): Promise<void> {
    const rules = this.#ports.get(endpointId);
    if (rules === undefined) return;
    this.#ports.delete(endpointId);
    await this.#apply(removePorts(this.options.table, rules));
  }

  async remove(): Promise<void> {
    await this.connection.request(transaction(removeTable(this.options.table)));
    this.#installed = false;
  }

  /** Before `install` the wish is only noted. A table or element that a stranger removed is answered by building all of it again. */
  async #apply(requests: readonly Request[]): Promise<void> {
    if (!this.#installed) return;
    try {
      await this.connection.request(transaction(requests));
    } catch (error) {
      if (!isNetlinkError(error, 'ENOENT', 'EEXIST')) throw error;
      await this.install();
    }
  }
}
