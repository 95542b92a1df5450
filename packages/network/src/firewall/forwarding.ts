import type { NetlinkConnection } from '../netlink/connection';
import { listTables, readTables } from '../nft/transaction';
import type { Parts } from '../operations/parts';

const SYSCTL = 'net/ipv4/ip_forward';
const SETTING = 'ip-forward-turned-on';

/** The host must forward for its containers. That we turned it on is remembered before it is done. */
export function turnOnForwarding(parts: Parts): void {
  if (parts.kernel.readSysctl(SYSCTL) !== '0') return;
  parts.store.saveSetting(SETTING, 'yes');
  parts.kernel.writeSysctl(SYSCTL, '1');
  parts.logger.info('turned net.ipv4.ip_forward on');
}

/** Turns forwarding off again if we turned it on and no other engine of ours is left to need it. */
export async function restoreForwarding(parts: Parts, netfilter: NetlinkConnection, table: string): Promise<void> {
  if (parts.store.setting(SETTING) !== 'yes') return;
  const others = readTables(await netfilter.request([listTables()])).filter((name) => name !== table && /^gantry(-|$)/.test(name));
  if (others.length > 0) return;
  parts.kernel.writeSysctl(SYSCTL, '0');
  parts.store.saveSetting(SETTING, 'no');
}
