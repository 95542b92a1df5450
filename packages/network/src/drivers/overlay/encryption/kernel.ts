import { failedPrecondition } from '@gantry/rpc';
import { type Address, type Family, parseAddress } from '../../../address/cidr';
import { SET_APART } from '../../../link/vxlan';
import { isNetlinkError, type NetlinkConnection } from '../../../netlink/connection';
import type { Request } from '../../../netlink/message';
import { dumpPolicies, type KnownPolicy, putPolicy, readPolicies, removePolicy } from '../../../xfrm/policy';
import type { Selector } from '../../../xfrm/selector';
import { addState, CIPHER, dumpStates, type KnownState, readStates, removeState, type State, type StateName } from '../../../xfrm/state';

/** The lowest priority: it has its say where no way to a peer is known. Above come the VXLAN ids, by which the networks' own are found. */
const TAG = 0x47_000000;
const WAY = 1_000;

/** What in the kernel is a network's, by its VXLAN id. */
export const tagOf = (vni: number): number => TAG + vni;

/** What the kernel has of one network. */
export interface KernelPart {
  readonly states: readonly KnownState[];
  readonly policies: readonly KnownPolicy[];
}

/** States and policies of this host's networks. */
export class EncryptionKernel {
  #connection: NetlinkConnection | undefined;

  constructor(
    private readonly open: () => NetlinkConnection,
    /** UDP port of VXLAN. */
    private readonly port: number,
  ) {}

  /** Throws, naming what is missing, where the kernel has no ESP for the family. */
  async check(network: string, family: Family): Promise<void> {
    const lacks = (what: string, cause: unknown) =>
      failedPrecondition(`network ${network}: option encrypted: the kernel has no ${what}`, { cause });
    const [source, destination] = PROBE[family].map((text) => parseAddress(text)) as [Address, Address];
    const probe = { source, destination, spi: TAG + process.pid, tag: TAG, key: Buffer.alloc(36, 1) };
    try {
      await this.#ask([addState(probe)]);
    } catch (error) {
      if (isNetlinkError(error, 'EEXIST')) return;
      if (!this.#has()) throw lacks('XFRM', error);
      if (!isNetlinkError(error, ...LACKING)) throw error;
      throw lacks(`ESP with ${CIPHER} for IPv${family} (module esp${family})`, error);
    }
    await this.#quietly(removeState(probe));
  }

  /** Without XFRM there is nothing of any network. */
  async part(vni: number): Promise<KernelPart> {
    if (!this.#has()) return { states: [], policies: [] };
    const states = readStates(await this.#ask([dumpStates()])).filter(({ tag }) => tag === tagOf(vni));
    const policies = (await this.#policies()).filter(({ priority, by }) => priority === tagOf(vni) || by?.tag === tagOf(vni));
    return { states, policies };
  }

  /** Nothing of the network leaves the host from now on but by a way that is known. The answer is the port that its packets must come from, `wanted` if that is free. */
  async block(vni: number, family: Family, wanted?: number): Promise<number> {
    const all = await this.#policies();
    const taken = new Map(
      all.flatMap(({ selector, priority }) => (selector.port === this.port && priority > TAG ? [[selector.sourcePort, priority]] : [])),
    );
    const own = [...taken].find(([, priority]) => priority === tagOf(vni))?.[0];
    if (own !== undefined) return own;
    const sourcePort = freePort(wanted ?? vni, new Set(taken.keys()));
    if (sourcePort === undefined) throw failedPrecondition(`this host has ${SET_APART.count} encrypted networks already`);
    await this.#ask([putPolicy({ selector: this.#blocked(family, sourcePort), priority: tagOf(vni) })]);
    return sourcePort;
  }

  add(state: State & { readonly key: Buffer }): Promise<unknown> {
    return this.#ask([addState(state)]);
  }

  /** Packets of the network to the peer take the state. */
  send(by: State, sourcePort: number): Promise<unknown> {
    return this.#ask([putPolicy({ selector: this.#way(by, sourcePort), priority: WAY, by })]);
  }

  async remove(states: readonly StateName[], policies: readonly { readonly selector: Selector }[] = []): Promise<void> {
    for (const { selector } of policies) await this.#quietly(removePolicy(selector));
    for (const state of states) await this.#quietly(removeState(state));
  }

  close(): void {
    this.#connection?.close();
  }

  #has(): boolean {
    try {
      this.#connection ??= this.open();
      return true;
    } catch {
      return false;
    }
  }

  #blocked(family: Family, sourcePort: number): Selector {
    return { family, sourcePort, port: this.port };
  }

  #way({ source, destination }: StateName, sourcePort: number): Selector {
    return { family: source.family, source, destination, sourcePort, port: this.port };
  }

  async #policies(): Promise<KnownPolicy[]> {
    return readPolicies(await this.#ask([dumpPolicies()]));
  }

  async #ask(requests: readonly Request[]) {
    this.#connection ??= this.open();
    return this.#connection.request(requests);
  }

  async #quietly(request: Request): Promise<void> {
    try {
      await this.#ask([request]);
    } catch (error) {
      if (!isNetlinkError(error, 'ESRCH', 'ENOENT')) throw error;
    }
  }
}

/** What the kernel says that has not the cipher, the protocol or its modules. */
const LACKING = ['ENOSYS', 'EPROTONOSUPPORT', 'ENOENT', 'EAFNOSUPPORT', 'ENOTSUP', 'EOPNOTSUPP'];

/** Of blocks for documentation: no state between them is anybody's. */
const PROBE = { 4: ['192.0.2.253', '192.0.2.254'], 6: ['2001:db8:ffff::1', '2001:db8:ffff::2'] } as const;

/** Networks of one host mostly keep clear of each other by their VXLAN ids. */
function freePort(first: number, taken: ReadonlySet<number | undefined>): number | undefined {
  for (let step = 0; step < SET_APART.count; step++) {
    const port = SET_APART.first + ((first + step) % SET_APART.count);
    if (!taken.has(port) && port < 65_535) return port;
  }
  return undefined;
}
