import { after, type Timer } from '@gantry/rpc';
import * as attribute from '../netlink/attribute';
import { decode, type Reply } from '../netlink/message';

const NFTABLES = 10;
/** Messages about chains and rules, and that a table is gone. */
const FORWARDING = new Set([2, 3, 5, 6, 8]);
/** That a table, chain, rule, set or element is gone. */
const GONE = new Set([2, 5, 8, 11, 14]);

/** What the kernel tells of changes to nf_tables, as datagrams. */
export interface FirewallNews {
  /** Throws an error with `code` ENOBUFS when some were lost. */
  receive(): Buffer | undefined;
  close(): void;
}

export interface MonitorOptions {
  /** Who speaks to the kernel for us: its own changes are none. */
  readonly own: number;
  readonly table: string;
  /** Of engines like this one. */
  readonly isOurs: (table: string) => boolean;
}

/** What somebody else did. */
export interface ForeignChange {
  /** Something of our table is gone. */
  readonly table: boolean;
  /** Chains of others are other ones now. */
  readonly chains: boolean;
}

/** Reads all news there is. What was lost may have been anything. */
export function readNews(news: FirewallNews, options: MonitorOptions): ForeignChange {
  let change: ForeignChange = { table: false, chains: false };
  for (;;) {
    let datagram: Buffer | undefined;
    try {
      datagram = news.receive();
    } catch {
      return { table: true, chains: true };
    }
    if (datagram === undefined) return change;
    for (const message of decode(datagram).replies) {
      const { table, chains } = read(message, options);
      change = { table: change.table || table, chains: change.chains || chains };
    }
  }
}

function read({ type, from, body }: Reply, { own, table, isOurs }: MonitorOptions): ForeignChange {
  const kind = type & 0xff;
  if (type >> 8 !== NFTABLES || from === own || !(GONE.has(kind) || FORWARDING.has(kind))) return { table: false, chains: false };
  const name = attribute.readText(attribute.read(body.subarray(4)), 1);
  return { table: name === table && GONE.has(kind), chains: !isOurs(name) && FORWARDING.has(kind) };
}

/** Somebody who changes one rule changes several. */
const SOON_MS = 30;
/** Whoever is at war with us over a table does not get the processor for it. */
const REST_MS = 300;

/** Answers to what others do to the firewall, soon after they did it. */
export class FirewallGuard {
  private pending: ForeignChange = { table: false, chains: false };
  private timer: Timer | undefined;
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  private last = -Infinity;

  constructor(private readonly answer: (change: ForeignChange) => Promise<void>) {}

  noticed({ table, chains }: ForeignChange): void {
    if (this.stopped || (!table && !chains)) return;
    this.pending = { table: this.pending.table || table, chains: this.pending.chains || chains };
    const rest = this.last + REST_MS - performance.now();
    this.timer ??= after(Math.max(SOON_MS, rest), () => this.run(), { ref: false });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.running;
  }

  private run(): void {
    const change = this.pending;
    this.pending = { table: false, chains: false };
    this.timer = undefined;
    this.last = performance.now();
    this.running = this.running.then(() => this.answer(change));
  }
}
