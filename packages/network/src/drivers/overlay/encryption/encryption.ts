import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { failedPrecondition } from '@gantry/rpc';
import { type Address, type Family, formatAddress, isSame, parseAddress } from '../../../address/cidr';
import type { Cluster } from '../../../cluster/cluster';
import type { SharedMember } from '../../../cluster/records';
import type { OwnTable } from '../../../firewall/own-table';
import { isNetlinkError } from '../../../netlink/connection';
import { KeyedLock } from '../../../operations/lock';
import type { NetworkRecord } from '../../../store/record';
import type { Way } from '../overlay';
import { type EncryptionKernel, tagOf } from './kernel';
import { newSecret } from './keys';
import { isWorn, type Limits, type PeerWays, type Self, sortKernel, superfluous, told, waysOf } from './plan';

export interface EncryptionParts {
  readonly cluster: Cluster | undefined;
  readonly kernel: EncryptionKernel;
  readonly table: Pick<OwnTable, 'has' | 'canTellStates' | 'addEncrypted' | 'removeEncrypted'>;
  readonly way: () => Promise<Way>;
  readonly port: number;
  readonly limits: Limits;
  /** Milliseconds, of a clock that only goes on. */
  readonly now: () => number;
}

/** A network that has endpoints here. */
interface Active {
  readonly sourcePort: number;
  salt: string;
  since: number;
  /** States that this engine has sent by in this life, and by which salt: none is made again. */
  readonly spent: Map<number, string>;
  /** When states were first seen that nobody sends by. */
  readonly idle: Map<number, number>;
  /** Others have been told of it. */
  isKnown: boolean;
}

/** Packets that are on their way while a peer changes its key still come in. */
const GRACE_MS = 5_000;
const SALT_BYTES = 32;

/**
 * ESP between the hosts of a network. Every engine says by which salt it is known, which states it takes packets by, and by which it sends; an engine sends by a new state when the
 * other one has said that it takes it. So keys change, at a start as at a rotation, without a packet that nobody could read.
 */
export class Encryption {
  readonly #active = new Map<string, Active>();
  readonly #locks = new KeyedLock();
  #checked = false;

  constructor(private readonly parts: EncryptionParts) {}

  /** Throws, naming what is missing, where this host cannot have such networks. */
  async check(network: string): Promise<void> {
    if (this.#checked) return;
    const { kernel, table } = this.parts;
    const { family } = await this.#address();
    const without = (what: string) => failedPrecondition(`network ${network}: option encrypted: ${what}`);
    if (!table.has(family)) throw without(`it needs the nft rules that rules${family === 6 ? '-v6' : ''} of network.yaml turns off`);
    await kernel.check(network, family);
    if (!(await table.canTellStates())) throw without('the kernel has no nft expression xfrm (module nft_xfrm)');
    this.#checked = true;
  }

  /** From now on nothing of the network leaves the host or is taken in the clear. The answer is the port that its packets must come from. */
  async guard({ id, name, vni = 0 }: NetworkRecord): Promise<number> {
    await this.check(name);
    const { table, port, now } = this.parts;
    const { family } = await this.#address();
    await table.addEncrypted({ vni, tag: tagOf(vni), port, family });
    const sourcePort = await this.#block(vni, family);
    const known = this.#active.get(id);
    if (known?.sourcePort !== sourcePort)
      this.#active.set(id, { sourcePort, ...newSalt(now()), spent: new Map(), idle: new Map(), isKnown: false });
    return sourcePort;
  }

  /** Brings states and policies to what the engines on the network say, and tells them of this one. */
  async follow({ id, vni = 0 }: NetworkRecord): Promise<void> {
    const { cluster } = this.parts;
    if (cluster?.informed !== true) return;
    const active = this.#active.get(id);
    if (active === undefined) return this.#resign(cluster, id);
    const secret = cluster.view.secret(id);
    if (secret === undefined) return cluster.ensureSecret(id, newSecret()); // it comes back as news
    const address = await this.#address();
    await this.#block(vni, address.family, active.sourcePort); // somebody may have taken it away
    const isKnown = cluster.view.membersOf(id).some(({ engine }) => engine === cluster.id);
    // others have forgotten this engine, and how far its packets were counted
    if (active.isKnown && !isKnown) renew(active, this.parts.now());
    active.isKnown = isKnown;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const self = { id: cluster.id, address, salt: active.salt };
      const ways = waysOf({ self, network: id, secret }, cluster.view.membersOf(id));
      const member = await this.#settle({ vni, active, self, ways });
      if (member !== undefined) return this.#tell(cluster, { networkId: id, ...member });
      renew(active, this.parts.now());
    }
    throw failedPrecondition(`no keys for network ${id} were found that are not in use`);
  }

  /** What the network has here goes; its link has gone before. */
  async remove({ id, vni = 0 }: NetworkRecord): Promise<void> {
    const { cluster, kernel, table } = this.parts;
    this.#active.delete(id);
    if (cluster !== undefined) this.#resign(cluster, id);
    const { states, policies } = await kernel.part(vni);
    await kernel.remove(states, policies);
    await table.removeEncrypted(vni);
  }

  /** Undefined where this engine needs another salt. */
  async #settle({
    vni,
    active,
    self,
    ways,
  }: {
    readonly vni: number;
    readonly active: Active;
    readonly self: Self;
    readonly ways: readonly PeerWays[];
  }) {
    const { kernel, limits, now } = this.parts;
    const { states, policies } = await kernel.part(vni);
    const { inbound, outbound, strange, sendsBy } = sortKernel(self, states, policies);
    const current = outbound.filter(({ spi }) => active.spent.get(spi) === self.salt);
    if (isWorn(limits, now() - active.since, current)) return undefined;

    for (const { address, from } of ways) {
      if (inbound.some(({ source, spi }) => spi === from.spi && isSame(source, address))) continue;
      if (!(await this.#add({ source: address, destination: self.address, tag: tagOf(vni), ...from }))) return undefined;
    }
    for (const { address, to, takes } of ways) {
      if (!takes) continue; // what was agreed upon before goes on, if anything was
      const state = { source: self.address, destination: address, tag: tagOf(vni), ...to };
      if (!outbound.some(({ destination, spi }) => spi === to.spi && isSame(destination, address))) {
        if (active.spent.has(to.spi) || !(await this.#add(state))) return undefined;
        active.spent.set(to.spi, self.salt);
      }
      if (sendsBy.get(formatAddress(address)) !== to.spi) await kernel.send(state, active.sourcePort);
      sendsBy.set(formatAddress(address), to.spi);
    }
    const isPeer = (address: Address | undefined): boolean => address !== undefined && ways.some((way) => isSame(way.address, address));
    const gone = policies.filter(({ selector: { destination } }) => destination !== undefined && !isPeer(destination));
    const unused = outbound.filter(({ destination, spi }) => !isPeer(destination) || sendsBy.get(formatAddress(destination)) !== spi);
    const nobodys = inbound.filter(({ source }) => !isPeer(source));
    const resting = this.#rested(
      active,
      superfluous(
        inbound.filter(({ source }) => isPeer(source)),
        ways,
      ),
    );
    await kernel.remove([...unused, ...nobodys, ...resting, ...strange], gone);
    return {
      engine: self.id,
      at: formatAddress(self.address),
      salt: self.salt,
      receives: Object.fromEntries(ways.map(({ engine, from }) => [engine, told(from.spi)])),
      sends: Object.fromEntries(
        ways.flatMap(({ engine, address }) => {
          const spi = sendsBy.get(formatAddress(address));
          return spi === undefined ? [] : [[engine, told(spi)]];
        }),
      ),
    };
  }

  /** False where there is a state of that name already, of whomever. */
  async #add(state: Parameters<EncryptionKernel['add']>[0]): Promise<boolean> {
    try {
      await this.parts.kernel.add(state);
      return true;
    } catch (error) {
      if (isNetlinkError(error, 'EEXIST')) return false;
      throw error;
    }
  }

  /** Those that have been superfluous for a while. */
  #rested({ idle }: Active, states: ReturnType<typeof superfluous>): ReturnType<typeof superfluous> {
    const now = this.parts.now();
    for (const spi of idle.keys()) if (!states.some((state) => state.spi === spi)) idle.delete(spi);
    return states.filter(({ spi }) => {
      const since = idle.get(spi) ?? now;
      idle.set(spi, since);
      return now - since >= GRACE_MS;
    });
  }

  async #tell(cluster: Cluster, member: SharedMember): Promise<void> {
    const before = cluster.view.membersOf(member.networkId).find(({ engine }) => engine === member.engine);
    if (!isDeepStrictEqual(before, member)) await cluster.tellMember(member);
  }

  #resign(cluster: Cluster, id: string): void {
    if (cluster.view.membersOf(id).some(({ engine }) => engine === cluster.id)) cluster.withdrawMember(id);
  }

  /** One at a time: each takes a port that no other has. */
  #block(vni: number, family: Family, wanted?: number): Promise<number> {
    return this.#locks.run('ports', () => this.parts.kernel.block(vni, family, wanted));
  }

  async #address(): Promise<Address> {
    const { address } = await this.parts.way();
    const parsed = parseAddress(address);
    if (parsed === undefined) throw failedPrecondition(`overlay.advertise: "${address}" is no address`);
    return parsed;
  }
}

const MOST_ATTEMPTS = 4;

function renew(active: Active, now: number): void {
  Object.assign(active, newSalt(now));
}

const newSalt = (now: number): Pick<Active, 'salt' | 'since'> => ({ salt: randomBytes(SALT_BYTES).toString('hex'), since: now });
