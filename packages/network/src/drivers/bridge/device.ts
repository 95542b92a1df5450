import { randomBytes } from 'node:crypto';
import { failedPrecondition, forbidden } from '@gantry/rpc';
import type { Cidr } from '../../address/cidr';
import { formatCidr, isSame, overlaps } from '../../address/cidr';
import type { NetworkKernel } from '../../kernel/kernel';
import { addAddress, deleteAddress, dumpAddresses, readAddresses, readAllAddresses } from '../../link/address';
import { isOfLink } from './inherit';
import type { Link } from '../../link/link';
import { createBridge, deleteLink, setAlias, setUp } from '../../link/link';
import { findLink } from '../../link/stacked';
import type { NetlinkConnection } from '../../netlink/connection';
import { isNetlinkError } from '../../netlink/connection';

export interface BridgeDevice {
  readonly name: string;
  /** The gateways with their subnets' prefix lengths; none where the host is not on the network. */
  readonly addresses: readonly Cidr[];
  readonly mtu: number | undefined;
  /** It is the host's own: it must be there, and keeps what it has. */
  readonly foreign?: boolean;
}

/** The host's side of bridge networks: devices with their addresses and sysctls. Every method may be repeated. */
export class BridgeDevices {
  constructor(
    private readonly route: NetlinkConnection,
    private readonly kernel: NetworkKernel,
    /** What is written on bridges that are made here. */
    private readonly mark: string,
  ) {}

  find(name: string): Promise<Link | undefined> {
    return findLink(this.route, name);
  }

  /** Makes the bridge, or brings one that is there into shape: it has the wanted addresses and no others, but for IPv6's own of the link. */
  async ensure(device: BridgeDevice): Promise<Link> {
    let link = await this.find(device.name);
    if (link === undefined && device.foreign === true)
      throw forbidden(`bridge device with non default name ${device.name} must be created manually`);
    if (link === undefined) {
      // An address of its own: without one the bridge takes that of its lowest port, and changes it as ports come and go.
      const mac = Buffer.concat([Buffer.from([0x02, 0x42]), randomBytes(4)]);
      await this.route.request([createBridge(device.name, mac, device.mtu), setAlias(device.name, this.mark)]);
      link = await this.find(device.name);
    }
    if (link === undefined) throw failedPrecondition(`bridge ${device.name} vanished while it was made`);
    if (link.kind !== 'bridge') throw failedPrecondition(`interface ${device.name} exists and is no bridge`);
    // Addresses of IPv6 can only be given where it is on.
    this.#tune(device);
    await this.#address(link.index, device);
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

  /** True when an interface that is older than the device has an address in one of the subnets. */
  async isContested(name: string, subnets: readonly Cidr[]): Promise<boolean> {
    const own = (await this.find(name))?.index ?? 0;
    const addresses = readAddresses(await this.route.request([dumpAddresses()]));
    return addresses.some((address) => address.index < own && subnets.some((subnet) => overlaps(address, subnet)));
  }

  /** Addresses of any device, those of the link itself, too. */
  async addresses(name: string): Promise<readonly Cidr[]> {
    const index = (await this.find(name))?.index;
    return readAllAddresses(await this.route.request([dumpAddresses()])).filter((address) => address.index === index);
  }

  /** One of IPv6 that is there is left whatever the length of its prefix, which says nothing but a route: changed it would be away for a moment. */
  async #address(index: number, { addresses: wanted, foreign }: BridgeDevice): Promise<void> {
    const present = readAllAddresses(await this.route.request([dumpAddresses()])).filter((address) => address.index === index);
    const isOne = (of: readonly Cidr[], one: Cidr): boolean =>
      of.some((each) => (one.address.family === 6 ? isSame(each.address, one.address) : formatCidr(each) === formatCidr(one)));
    const stale = foreign === true ? [] : present.filter((address) => !isOfLink(address.address) && !isOne(wanted, address));
    const missing = wanted.filter((address) => !isOne(present, address));
    const requests = [...stale.map((address) => deleteAddress(index, address)), ...missing.map((address) => addAddress(index, address))];
    if (requests.length > 0) await this.route.request(requests);
  }

  /**
   * Loopback addresses may be translated towards the bridge (ports published on 127.0.0.1; our nft table keeps forged ones out), and the
   * host takes no IPv6 router advertisement from a container. Without an address of it the bridge has no IPv6 at all. With one its own of the link is used at
   * once: as long as that looks for a duplicate, which a random MAC address has not, nobody outside reaches a container.
   */
  #tune({ name, addresses, foreign }: BridgeDevice): void {
    const hasIpv6 = addresses.some(({ address }) => address.family === 6);
    this.kernel.writeSysctl(`net/ipv4/conf/${name}/route_localnet`, '1');
    if (foreign === true && !hasIpv6) return;
    if (foreign !== true) {
      this.kernel.writeSysctl(`net/ipv6/conf/${name}/accept_ra`, '0');
      this.kernel.writeSysctl(`net/ipv6/conf/${name}/accept_dad`, '0');
    }
    const set = this.kernel.writeSysctl(`net/ipv6/conf/${name}/disable_ipv6`, hasIpv6 ? '0' : '1');
    if (hasIpv6 && !set) throw failedPrecondition(`bridge ${name}: the kernel has no IPv6`);
  }
}
