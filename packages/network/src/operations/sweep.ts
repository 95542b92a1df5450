import { every, type Timer } from '@gantry/rpc';
import type { NetlinkConnection } from '../netlink/connection';
import { isNetlinkError } from '../netlink/connection';
import { deleteLink, dumpLinks, readLinks } from '../link/link';
import type { Parts } from './parts';
import { closeDeadResolvers } from './reconcile';

const OUR_VETH = /^veth[0-9a-f]{11}$/;

/**
 * Deletes interfaces on our bridges that no endpoint owns: namespaces that outlived their sandbox keep them. Answers with how many. On a bridge of the host's
 * they may be another engine's.
 */
export async function sweepInterfaces(parts: Parts, route: NetlinkConnection): Promise<number> {
  closeDeadResolvers(parts);
  const devices = new Set(parts.store.networks().flatMap((network) => (network.foreign === true ? [] : (network.device ?? []))));
  const links = readLinks(await route.request([dumpLinks()]));
  const bridges = new Set(links.filter((link) => devices.has(link.name)).map((link) => link.index));
  const owned = new Set(parts.store.endpoints().map((endpoint) => endpoint.hostInterface));
  const orphans = links.filter((link) => bridges.has(link.master) && OUR_VETH.test(link.name) && !owned.has(link.name));
  for (const orphan of orphans) {
    try {
      await route.request([deleteLink(orphan.name)]);
    } catch (error) {
      if (!isNetlinkError(error, 'ENODEV')) throw error; // it died with its namespace meanwhile
    }
  }
  return orphans.length;
}

const SOON_MS = 1_000;

/** Runs a task regularly, and once soon after it was asked for; never twice at a time. */
export class Sweeper {
  #timer: Timer | undefined;
  #soon: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(
    /** Told whether it is its regular turn. */
    private readonly task: (regular: boolean) => Promise<void>,
    private readonly everyMs: number,
  ) {}

  start(): void {
    this.#timer = every(this.everyMs, () => this.#run(true), { ref: false });
  }

  soon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#run(false);
    }, SOON_MS).unref();
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    clearTimeout(this.#soon);
    await this.#running;
  }

  #run(regular: boolean): void {
    this.#running = this.#running.then(() => this.task(regular));
  }
}
