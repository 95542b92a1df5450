import type { Logger } from '@gantry/rpc';
import { type Cidr, overlaps } from '../../address/cidr';
import { dumpAddresses, readAddresses } from '../../link/address';
import { OwnTable } from '../../firewall/own-table';
import { type HeldName, holdName } from '../../link/held-name';
import { deleteLink, dumpLinks, type Link, readLinks, setAlias } from '../../link/link';
import { isNetlinkError, type NetlinkConnection } from '../../netlink/connection';

const MARK = 'gantry:';

/** What an engine writes on its bridges: its table, which is its own. */
export const markOf = (table: string): string => `${MARK}${table}`;

export interface EnginesParts {
  readonly route: NetlinkConnection;
  readonly netfilter: NetlinkConnection;
  readonly table: string;
  readonly logger: Logger;
}

/** The engines of our kind that share this network namespace: each holds the name of its table while it runs, and writes it on the bridges that it makes. */
export class Engines {
  private readonly held: HeldName[] = [];

  constructor(private readonly parts: EnginesParts) {}

  /** From now on others see that this one runs. */
  join(): void {
    const own = holdName(this.parts.table);
    if (own !== undefined) this.held.push(own);
  }

  leave(): void {
    for (const each of this.held.splice(0)) each.release();
  }

  /**
   * Takes a device that engines follow one another on (`docker0`): one that is not there, this engine's own, that of an ended one with nothing attached, whose
   * rules go, or one without a mark and with nothing attached, as a dockerd or a script leaves it. False: it is somebody else's.
   */
  async take(device: string): Promise<boolean> {
    const { table } = this.parts;
    const held = holdName(device);
    if (held === undefined) return false;
    const links = await this.links();
    const link = links.find(({ name }) => name === device);
    const taken = link === undefined || link.alias === markOf(table) || (await this.inherit(links, link));
    if (taken) this.held.push(held);
    else held.release();
    return taken;
  }

  /** Takes such a device away, if it could be had and nothing is attached to it: an engine without a default bridge leaves none behind. It is free for others then. */
  async discard(device: string): Promise<void> {
    const links = await this.links();
    if (links.some((link) => link.name === device && isAttached(links, link))) return; // this engine's own, too
    if (!(await this.take(device))) return;
    await this.remove(device);
    this.held.pop()?.release();
  }

  /** Takes bridges of ended engines away that have addresses in the subnet and nothing attached: with two routes for it no answer comes back. */
  async clear(device: string, subnet: Cidr): Promise<void> {
    await this.clearOldest(device, [subnet], Infinity);
  }

  /** Takes one such bridge away, the oldest in any of the subnets. False: there is none. */
  async makeRoom(device: string, subnets: readonly Cidr[]): Promise<boolean> {
    return (await this.clearOldest(device, subnets, 1)) > 0;
  }

  private async clearOldest(device: string, subnets: readonly Cidr[], most: number): Promise<number> {
    const { route, table, logger } = this.parts;
    const links = await this.links();
    const addresses = readAddresses(await route.request([dumpAddresses()]));
    let cleared = 0;
    for (const link of [...links].sort((a, b) => a.index - b.index)) {
      if (cleared === most) break;
      const owner = ownerOf(link);
      if (owner === undefined || owner === table || link.name === device || isAttached(links, link)) continue;
      if (!addresses.some((address) => address.index === link.index && subnets.some((subnet) => overlaps(address, subnet)))) continue;
      if (!hasEnded(owner)) continue;
      logger.info({ device: link.name }, 'an ended engine left its bridge in the subnet: it is taken away');
      await this.remove(link.name);
      cleared++;
    }
    return cleared;
  }

  private async inherit(links: readonly Link[], link: Link): Promise<boolean> {
    const { route, netfilter, table } = this.parts;
    const owner = ownerOf(link);
    const own = links.filter(({ alias }) => alias === link.alias);
    if (link.kind !== 'bridge' || isAttached(links, link)) return false;
    if (owner !== undefined && (own.some((each) => isAttached(links, each)) || !hasEnded(owner))) return false;
    // Rules of the ended engine are about the same device. Nobody is left whom they serve.
    if (owner !== undefined && owner !== table) await new OwnTable(netfilter, { table: owner, markBit: 0 }).remove();
    await route.request([setAlias(link.name, markOf(table))]);
    return true;
  }

  private async links(): Promise<readonly Link[]> {
    return readLinks(await this.parts.route.request([dumpLinks()]));
  }

  private async remove(name: string): Promise<void> {
    try {
      await this.parts.route.request([deleteLink(name)]);
    } catch (error) {
      if (!isNetlinkError(error, 'ENODEV')) throw error;
    }
  }
}

/** Table of the engine that made the bridge; undefined where none of ours did. */
const ownerOf = ({ kind, alias }: Link): string | undefined =>
  kind === 'bridge' && alias.startsWith(MARK) ? alias.slice(MARK.length) : undefined;

const isAttached = (links: readonly Link[], bridge: Link): boolean => links.some(({ master }) => master === bridge.index);

function hasEnded(table: string): boolean {
  const held = holdName(table);
  held?.release();
  return held !== undefined;
}
