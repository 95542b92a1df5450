import { conflict, failedPrecondition } from '@gantry/rpc';
import { isSame } from '../../address/cidr';
import { deleteLink, getLink, setAlias } from '../../link/link';
import { dumpForwarding, dumpNeighbours, readEntries } from '../../link/neighbour';
import { findLink, hasKind } from '../../link/stacked';
import { createVxlan, plugVxlan, readVxlan, type VxlanLink } from '../../link/vxlan';
import { isNetlinkError, type NetlinkConnection } from '../../netlink/connection';
import { steps, type Tables, tablesOfLink } from './tables';

/** The VXLAN links of this host, one a network that has endpoints here. Every method may be repeated. */
export class VxlanDevices {
  /** What links were told, as far as this process knows; by name. */
  readonly #known = new Map<string, { readonly index: number; readonly tables: Tables }>();

  constructor(
    private readonly route: NetlinkConnection,
    /** What is written on links that are made here. */
    private readonly mark: string,
  ) {}

  /** Throws where the kernel has no such links. */
  async check(network: string): Promise<void> {
    if (!(await hasKind(this.route, 'vxlan')))
      throw failedPrecondition(`network ${network}: the kernel has no links of kind vxlan (module vxlan)`);
  }

  /** Whether the link is a port of the bridge, and has been told all that is known. */
  async stands(name: string, bridge: string): Promise<boolean> {
    const [own, below] = [await findLink(this.route, name), await findLink(this.route, bridge)];
    return own !== undefined && below !== undefined && own.master === below.index && own.up && this.#known.get(name)?.index === own.index;
  }

  /** Makes the link a port of the bridge. One that is there as it should be keeps all that it was told. */
  async ensure(wanted: VxlanLink, bridge: string): Promise<void> {
    const { name } = wanted;
    const bridgeIndex = (await findLink(this.route, bridge))?.index ?? 0;
    const present = await findLink(this.route, name);
    if (present !== undefined && !(await this.#is(wanted))) await this.remove(name);
    if ((await findLink(this.route, name)) === undefined) await this.#make(wanted);
    await this.route.request([...plugVxlan(name, bridgeIndex), setAlias(name, this.mark)]);
    const link = await findLink(this.route, name);
    if (link === undefined) throw failedPrecondition(`link ${name} vanished while it was made`);
    const forwarding = readEntries(await this.route.request([dumpForwarding()]));
    const neighbours = readEntries(await this.route.request([dumpNeighbours()]));
    this.#known.set(name, { index: link.index, tables: tablesOfLink(link.index, forwarding, neighbours) });
  }

  /** Tells a link that is there what is so from now on. */
  async tell(name: string, tables: Tables): Promise<void> {
    const known = this.#known.get(name);
    if (known === undefined) return;
    const { add, remove } = steps(known.index, known.tables, tables);
    try {
      if (add.length > 0) await this.route.request(add);
      for (const request of remove) await this.#quietly(() => this.route.request([request]));
      this.#known.set(name, { index: known.index, tables });
    } catch (error) {
      this.#known.delete(name); // what it knows now is asked of the kernel
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    this.#known.delete(name);
    await this.#quietly(() => this.route.request([deleteLink(name)]));
  }

  async #make(wanted: VxlanLink): Promise<void> {
    try {
      await this.route.request([createVxlan(wanted)]);
    } catch (error) {
      if (!isNetlinkError(error, 'EEXIST')) throw error;
      throw conflict(`VXLAN id ${wanted.vni} at port ${wanted.port} is in use by another link of this host`, { cause: error });
    }
  }

  async #is({ name, vni, port, sourcePort, local }: VxlanLink): Promise<boolean> {
    const present = readVxlan(await this.route.request([getLink(name)]));
    return present?.vni === vni && present.port === port && present.sourcePort === sourcePort && isSame(present.local, local);
  }

  async #quietly(task: () => Promise<unknown>): Promise<void> {
    try {
      await task();
    } catch (error) {
      if (!isNetlinkError(error, 'ENODEV', 'ENOENT', 'ESRCH')) throw error;
    }
  }
}
