import { randomBytes } from 'node:crypto';
import { failedPrecondition } from '@gantry/rpc';
import type { Cidr } from '../../address/cidr';
import { formatCidr, overlaps } from '../../address/cidr';
import type { NetworkKernel } from '../../kernel/kernel';
import { addAddress, deleteAddress, dumpAddresses, readAddresses } from '../../link/address';
import type { Link } from '../../link/link';
import { createBridge, deleteLink, getLink, readLinks, setUp } from '../../link/link';
import type { NetlinkConnection } from '../../netlink/connection';
import { isNetlinkError } from '../../netlink/connection';

export interface BridgeDevice {
  readonly name: string;
  /** The gateway with the subnet's prefix length; none where the host is not on the network. */
  readonly address: Cidr | undefined;
  readonly mtu: number | undefined;
}

/** The host's side of bridge networks: devices with their addresses and sysctls. Every method may be repeated. */
export class BridgeDevices {
  constructor(
    private readonly route: NetlinkConnection,
    private readonly kernel: NetworkKernel,
  ) {}

  async find(name: string): Promise<Link | undefined> {
    try {
      return readLinks(await this.route.request([getLink(name)]))[0];
    } catch (error) {
      if (isNetlinkError(error, 'ENODEV')) return undefined;
      throw error;
    }
  }

  /** Makes the bridge, or brings one that is there into shape: its only IPv4 address is the wanted one, if any. */
  async ensure(device: BridgeDevice): Promise<Link> {
    let link = await this.find(device.name);
    if (link === undefined) {
      // An address of its own: without one the bridge takes that of its lowest port, and changes it as ports come and go.
      await this.route.request([createBridge(device.name, Buffer.concat([Buffer.from([0x02, 0x42]), randomBytes(4)]), device.mtu)]);
      link = await this.find(device.name);
    }
    if (link === undefined) throw failedPrecondition(`bridge ${device.name} vanished while it was made`);
    if (link.kind !== 'bridge') throw failedPrecondition(`interface ${device.name} exists and is no bridge`);
    await this.#address(link.index, device.address);
    this.#tune(device.name);
    if (!link.up) await this.route.request([setUp(link.index)]);
    return link;
  }

  async remove(name: string): Promise<void> {
    try {
      await this.route.request([deleteLink(name)]);
    } catch (error) {
      if (!isNetlinkError(error, 'ENODEV')) throw error;
    }
  }

  /** True when an interface that is older than the device has an address in the subnet. */
  async isContested(name: string, subnet: Cidr): Promise<boolean> {
    const own = (await this.find(name))?.index ?? 0;
    const addresses = readAddresses(await this.route.request([dumpAddresses()]));
    return addresses.some((address) => address.index < own && overlaps(address, subnet));
  }

  async #address(index: number, wanted: Cidr | undefined): Promise<void> {
    const present = readAddresses(await this.route.request([dumpAddresses()])).filter((address) => address.index === index);
    const text = wanted === undefined ? '' : formatCidr(wanted);
    const stale = present.filter((address) => formatCidr(address) !== text);
    const requests = [
      ...stale.map((address) => deleteAddress(index, address)),
      ...(wanted === undefined ? [] : [addAddress(index, wanted)]),
    ];
    if (requests.length > 0) await this.route.request(requests);
  }

  /**
   * Loopback addresses may be translated towards the bridge (ports published on 127.0.0.1; our nft table keeps forged ones out), and the
   * host takes no IPv6 router advertisement from a container.
   */
  #tune(name: string): void {
    this.kernel.writeSysctl(`net/ipv4/conf/${name}/route_localnet`, '1');
    this.kernel.writeSysctl(`net/ipv6/conf/${name}/disable_ipv6`, '1');
  }
}
