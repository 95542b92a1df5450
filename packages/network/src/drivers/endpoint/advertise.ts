import { after, invalidArgument } from '@gantry/rpc';
import { parseMac } from '../../address/cidr';
import type { Namespace, NetworkKernel } from '../../kernel/kernel';
import { setMac } from '../../link/link';
import { findLink } from '../../link/stacked';
import { NetlinkConnection } from '../../netlink/connection';

const COUNT = 'com.docker.network.advertise_addr_nmsgs';
const INTERVAL = 'com.docker.network.advertise_addr_ms';
const MOST = 3;
const INTERVALS = { least: 100, most: 2000, usual: 1000 } as const;

/** How often an endpoint tells its neighbours, unasked, which MAC address its addresses have. */
export interface Advertising {
  readonly count: number;
  readonly intervalMs: number;
}

/** What of the two is not said. */
export const USUAL_ADVERTISING: Advertising = { count: MOST, intervalMs: INTERVALS.usual };

type Options = Readonly<Record<string, string>>;

/** Undefined where nothing is asked for. Throws dockerd's words for all that is wrong at once. */
export function advertisingOf({ [COUNT]: count, [INTERVAL]: interval }: Options): Advertising | undefined {
  const faults = [
    ...faultsOf(count, { option: COUNT, what: 'an integer', least: 0, most: MOST }),
    ...faultsOf(interval, { option: INTERVAL, what: 'integer milliseconds', least: INTERVALS.least, most: INTERVALS.most }),
  ];
  if (faults.length > 0) throw invalidArgument(faults.join('\n'));
  if (count === undefined && interval === undefined) return undefined;
  const { count: most, intervalMs } = USUAL_ADVERTISING;
  return { count: count === undefined ? most : Number(count), intervalMs: interval === undefined ? intervalMs : Number(interval) };
}

interface Bounds {
  readonly option: string;
  readonly what: string;
  readonly least: number;
  readonly most: number;
}

function faultsOf(text: string | undefined, { option, what, least, most }: Bounds): string[] {
  if (text === undefined) return [];
  if (!/^[+-]?\d+$/.test(text)) return [`value for option ${option} "${text}" must be ${what}`];
  return Number(text) < least || Number(text) > most ? [`${option} must be in the range ${least} to ${most}`] : [];
}

/** A bridge passes on what an interface sends a moment after it is up. */
const SETTLED_MS = 50;

/**
 * Has the kernel send them: told to speak at each change of the interface's MAC address, it does so when that is set to what it is. Behind the caller's back, as nobody
 * waits for them.
 */
export function advertise(kernel: NetworkKernel, namespace: Namespace, name: string, { count, intervalMs }: Advertising): void {
  if (count === 0) return;
  for (const file of [`net/ipv4/conf/${name}/arp_notify`, `net/ipv6/conf/${name}/ndisc_notify`])
    kernel.writeSysctlInside(namespace, file, '1');
  const inside = new NetlinkConnection(kernel.netlink('route', namespace));
  let left = count;
  const send = async (): Promise<void> => {
    const link = await findLink(inside, name);
    const mac = parseMac(link?.mac ?? '');
    if (link === undefined || mac === undefined) return inside.close();
    await inside.request([setMac(link.index, mac)]);
    if (--left > 0) sendAfter(intervalMs);
    else inside.close();
  };
  const sendAfter = (ms: number): void => void after(ms, () => void send().catch(() => inside.close()), { ref: false });
  sendAfter(SETTLED_MS);
}
