import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Logger } from '@gantry/rpc';
import { errorText } from '@gantry/rpc';
import type { NetlinkConnection } from '../netlink/connection';
import { FAMILY } from '../nft/transaction';
import { describe, findForeignChains, insertAccept, removeAccept } from './foreign';

const run = promisify(execFile);
const LEGACY_TIMEOUT_MS = 5_000;
/** The old iptables must be spawned, which stalls the event loop: only every so many looks. */
const LEGACY_EVERY = 20;
/** What was seen so lately is not looked at again for somebody who asks, ms. */
const FRESH_MS = 1_000;

export interface WatchOptions {
  /** Put our rule into foreign chains that drop. */
  readonly insert: boolean;
  readonly markBit: number;
  readonly isOurs: (table: string) => boolean;
  /** A network of ours has IPv6: what drops it is our business. */
  readonly ipv6: () => boolean;
}

/** Looks at the forward chains of others, again and again, and knows what to warn of. */
export class FirewallWatch {
  #warnings: readonly string[] = [];
  #looks = 0;
  #lookedAt = -Infinity;
  #legacyDrops = false;

  constructor(
    private readonly connection: NetlinkConnection,
    private readonly options: WatchOptions,
    private readonly logger: Logger,
  ) {}

  /** The warnings as of now, within a second. */
  async freshWarnings(): Promise<readonly string[]> {
    if (performance.now() - this.#lookedAt > FRESH_MS) await this.look();
    return this.#warnings;
  }

  async look(): Promise<void> {
    this.#lookedAt = performance.now();
    const found: string[] = [];
    try {
      for (const chain of await findForeignChains(this.connection, this.options.isOurs)) {
        const isConcerned = chain.family !== FAMILY.ip6 || this.options.ipv6();
        if (this.options.insert && isConcerned) await insertAccept(this.connection, chain, this.options.markBit);
        else {
          await removeAccept(this.connection, chain);
          if (!isConcerned) continue;
          found.push(
            warning(`nft chain "${describe(chain)}"`, chain.by === 'policy' ? 'has policy drop' : 'ends in a rule that drops everything'),
          );
        }
      }
      if (this.#looks++ % LEGACY_EVERY === 0) this.#legacyDrops = await legacyDrops(this.options);
      if (this.#legacyDrops) found.push(warning('iptables-legacy chain "filter FORWARD"', 'has policy DROP'));
    } catch (error) {
      this.logger.warn({ err: error }, 'foreign firewall rules could not be read');
      found.push(`foreign firewall rules could not be read: ${errorText(error)}`);
    }
    for (const text of found) if (!this.#warnings.includes(text)) this.logger.warn(text);
    this.#warnings = found;
  }

  /** Takes our rules out of all foreign chains. */
  async withdraw(): Promise<void> {
    for (const chain of await findForeignChains(this.connection, this.options.isOurs)) await removeAccept(this.connection, chain);
    await removeLegacy(this.options.markBit);
  }
}

function warning(chain: string, what: string): string {
  return `${chain} ${what}: containers may have no network and no published ports (set "firewall: insert" to let Gantry add one rule there)`;
}

const legacyRule = (markBit: number): string[] => [
  'FORWARD',
  '-m',
  'mark',
  '--mark',
  `${markBit}/${markBit}`,
  '-m',
  'comment',
  '--comment',
  'gantry forwards',
  '-j',
  'ACCEPT',
];

/** The old iptables keeps its tables apart from nf_tables; nothing is spawned unless the kernel says that it is in use. */
function legacyInUse(): boolean {
  try {
    return readFileSync('/proc/net/ip_tables_names', 'utf8').split('\n').includes('filter');
  } catch {
    return false;
  }
}

async function legacy(args: readonly string[]): Promise<string | undefined> {
  try {
    return (await run('iptables-legacy', ['-w', ...args], { timeout: LEGACY_TIMEOUT_MS })).stdout;
  } catch {
    return undefined; // no such program, or the rule that -C asks for is not there
  }
}

/** True when the legacy FORWARD chain drops and our rule is not (to be) in it. */
async function legacyDrops(options: WatchOptions): Promise<boolean> {
  if (!legacyInUse()) return false;
  if (!options.insert) await removeLegacy(options.markBit);
  const rules = await legacy(['-S', 'FORWARD']);
  if (rules === undefined || !/^-P FORWARD DROP$/m.test(rules)) return false;
  if (!options.insert) return true;
  const rule = legacyRule(options.markBit);
  return (await legacy(['-C', ...rule])) === undefined && (await legacy(['-I', ...rule])) === undefined;
}

async function removeLegacy(markBit: number): Promise<void> {
  if (legacyInUse()) await legacy(['-D', ...legacyRule(markBit)]);
}
