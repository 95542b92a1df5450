import { failedPrecondition, invalidArgument } from '@gantry/rpc';
import { deleteLink, type Link, setAlias, setUp } from '../../link/link';
import { createPair, createStacked, createVlan, findLink } from '../../link/stacked';
import type { NetlinkConnection } from '../../netlink/connection';
import { isNetlinkError } from '../../netlink/connection';
import type { Request } from '../../netlink/message';

/** The host's links below those of sandboxes: users' own, and those that are made here, which carry a mark. Every method may be repeated. */
export class ParentDevices {
  constructor(
    private readonly route: NetlinkConnection,
    private readonly mark: string,
  ) {}

  /** Whether a link was made here. */
  isOurs(link: Link | undefined): boolean {
    return link?.alias === this.mark;
  }

  find(name: string): Promise<Link | undefined> {
    return findLink(this.route, name);
  }

  /** Refuses, in dockerd's words, a name that is no link of the host's and by which none can be made: PARENT.VLAN. */
  async checkVlan(name: string): Promise<{ readonly parent: Link; readonly id: number }> {
    const parts = name.split('.');
    const [parentName = '', idText = ''] = parts;
    if (parts.length === 1) throw invalidArgument(`invalid subinterface vlan name ${name}, example formatting is eth0.10`);
    if (parts.length > 2)
      throw invalidArgument(`required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received ${name}`);
    if (!/^[+-]?\d+$/.test(idText)) throw invalidArgument(`unable to parse a valid vlan id from: ${idText} (ex. eth0.10 for vlan 10)`);
    const parent = await this.find(parentName);
    if (parent === undefined) throw invalidArgument(`-o parent interface was not found on the host: ${parentName}`);
    const id = Number(idText);
    if (id < 1 || id > MOST_VLANS) throw invalidArgument(`vlan id must be between 1-${MOST_VLANS}, received: ${id}`);
    return { parent, id };
  }

  /** The sub-interface, made where it is not there. */
  async ensureVlan(name: string): Promise<Link> {
    const present = await this.find(name);
    if (present !== undefined) return present;
    const { parent, id } = await this.checkVlan(name);
    try {
      return await this.#make(name, createVlan(name, parent.index, id));
    } catch (error) {
      throw failedPrecondition(`failed to create ${name} vlan link: ${whyNot(error, 'vlan')}`, { cause: error });
    }
  }

  /** A link that leads nowhere. Without a kernel's dummy a pair of links with nobody at its other end serves as well. */
  async ensureNowhere(name: string): Promise<Link> {
    const present = await this.find(name);
    if (present !== undefined) return present;
    try {
      return await this.#make(name, createStacked({ kind: 'dummy', name }));
    } catch (error) {
      if (!isNetlinkError(error, 'ENOTSUP')) throw error;
    }
    const peer = name.replace('-', '_');
    return this.#make(name, createPair(name, peer), setUp(peer));
  }

  /** Takes the link away if it was made here. */
  async remove(name: string): Promise<void> {
    if (!this.isOurs(await this.find(name))) return;
    try {
      await this.route.request([deleteLink(name)]);
    } catch (error) {
      if (!isNetlinkError(error, 'ENODEV')) throw error;
    }
  }

  async #make(name: string, ...requests: readonly Request[]): Promise<Link> {
    await this.route.request([...requests, setAlias(name, this.mark), setUp(name)]);
    const made = await this.find(name);
    if (made === undefined) throw failedPrecondition(`link ${name} vanished while it was made`);
    return made;
  }
}

const MOST_VLANS = 4094;

/** Why a link could not be made, and what the kernel lacks if it does. */
export function whyNot(error: unknown, kind: string): string {
  if (!isNetlinkError(error)) throw error;
  return error.code === 'ENOTSUP' ? `operation not supported: the kernel has no links of kind ${kind}` : error.message;
}
