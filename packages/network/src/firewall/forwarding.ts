import type { NetlinkConnection } from '../netlink/connection';
import { listTables, readTables } from '../nft/transaction';
import type { Parts } from '../operations/parts';

/** Who forwards, by family; and what is remembered of our having turned it on. */
const SWITCHES = {
  4: { sysctl: 'net/ipv4/ip_forward', setting: 'ip-forward-turned-on' },
  6: { sysctl: 'net/ipv6/conf/all/forwarding', setting: 'ipv6-forward-turned-on' },
} as const;

/** The host must forward for its containers. That we turned it on is remembered before it is done. */
export function turnOnForwarding(parts: Pick<Parts, 'kernel' | 'store' | 'logger'>, family: 4 | 6): void {
  const { sysctl, setting } = SWITCHES[family];
  if (parts.kernel.readSysctl(sysctl) !== '0') return;
  parts.store.saveSetting(setting, 'yes');
  parts.kernel.writeSysctl(sysctl, '1');
  parts.logger.info(`turned ${sysctl.replaceAll('/', '.')} on`);
}

/** Turns forwarding off again if we turned it on and no other engine of ours is left to need it. */
export async function restoreForwarding(parts: Parts, netfilter: NetlinkConnection, table: string): Promise<void> {
  const on = Object.values(SWITCHES).filter(({ setting }) => parts.store.setting(setting) === 'yes');
  if (on.length === 0) return;
  const others = readTables(await netfilter.request([listTables()])).filter((name) => name !== table && /^gantry(-|$)/.test(name));
  if (others.length > 0) return;
  for (const { sysctl, setting } of on) {
    parts.kernel.writeSysctl(sysctl, '0');
    parts.store.saveSetting(setting, 'no');
  }
}
