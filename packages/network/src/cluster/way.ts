import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import { failedPrecondition } from '@gantry/rpc';
import { formatAddress } from '../address/cidr';
import type { NetworkConfig } from '../config';
import type { Way } from '../drivers/overlay/overlay';
import { dumpAddresses, readAddresses } from '../link/address';
import { dumpLinks, readLinks } from '../link/link';
import type { NetlinkConnection } from '../netlink/connection';
import { hostAndPortOf } from './connect';

/**
 * By which address other engines reach this host, and how large packets may be there: what the configuration says, an address or the name of an interface, or else by what this host
 * reaches the store.
 */
export async function findWay(route: NetlinkConnection, { advertise, endpoints }: NetworkConfig['overlay']): Promise<Way> {
  const links = readLinks(await route.request([dumpLinks()]));
  const addresses = readAddresses(await route.request([dumpAddresses()])).map(({ address, index }) => ({
    address: formatAddress(address),
    link: links.find((link) => link.index === index),
  }));
  const wanted = advertise === '' ? await sourceTowards(endpoints[0] ?? '') : advertise;
  const found = addresses.find(({ address, link }) => (isIP(wanted) === 0 ? link?.name === wanted : address === wanted));
  if (found?.link === undefined)
    throw failedPrecondition(`overlay.advertise: this host has no address "${wanted}", nor an interface of that name with one`);
  if (advertise === '' && found.link.name === 'lo')
    throw failedPrecondition('overlay.advertise must say by which address other engines reach this host: the store is on it');
  return { address: found.address, mtu: found.link.mtu };
}

/** Nothing is sent: the kernel says which address it would send from. */
function sourceTowards(endpoint: string): Promise<string> {
  const url = new URL(endpoint);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4');
    const fail = (error: Error): void => {
      socket.close();
      reject(failedPrecondition(`no way to the store of overlay networks at ${hostAndPortOf(url)}: ${error.message}`, { cause: error }));
    };
    socket.once('error', fail);
    socket.connect(Number(hostAndPortOf(url).split(':').at(-1)), host, (error?: Error) => {
      if (error !== undefined) return fail(error);
      const { address } = socket.address();
      socket.close();
      resolve(address);
    });
  });
}
