import { parseAddress, type Address, formatAddress, isSame } from '../../../address/cidr';
import type { Cluster } from '../../../cluster/cluster';
import type { SharedMember } from '../../../cluster/records';
import { NetlinkError } from '../../../netlink/connection';
import type { NetworkRecord } from '../../../store/record';
import type { KnownPolicy } from '../../../xfrm/policy';
import type { State, StateName } from '../../../xfrm/state';
import { Encryption } from './encryption';
import { type EncryptionKernel, tagOf } from './kernel';

const NETWORK = { id: 'n', name: 'n', vni: 4097, options: { encrypted: '' } } as unknown as NetworkRecord;
const EEXIST = 17;

type Held = State & { readonly key: Buffer; packets: bigint };

/** A kernel's part of it, which outlives whoever speaks with it. */
class Kernel {
  states: Held[] = [];
  policies: KnownPolicy[] = [];
  /** Every key that was ever sent by. */
  readonly used: string[] = [];

  constructor(private readonly address: Address) {}

  part = async () => ({ states: [...this.states], policies: [...this.policies] });
  check = async () => undefined;
  block = async () => {
    const selector = { family: 4, sourcePort: 61441, port: 4789 } as const;
    if (!this.policies.some(({ by }) => by === undefined)) this.policies.push({ selector, priority: tagOf(4097), by: undefined });
    return 61441;
  };
  add = async (state: State & { readonly key: Buffer }) => {
    const isThere = this.states.some((each) => each.spi === state.spi && isSame(each.destination, state.destination));
    if (isThere) throw new NetlinkError(EEXIST, 'add state');
    this.states.push({ ...state, packets: 0n });
    if (isSame(state.source, this.address)) this.used.push(state.key.toString('hex'));
  };
  send = async (by: State) => {
    const selector = { family: 4, source: by.source, destination: by.destination, sourcePort: 61441, port: 4789 } as const;
    this.policies = this.policies.filter((each) => each.by === undefined || !isSame(each.selector.destination as Address, by.destination));
    this.policies.push({ selector, priority: 1000, by });
  };
  remove = async (states: readonly StateName[], policies: readonly { readonly selector: object }[] = []) => {
    this.states = this.states.filter((each) => !states.some(({ spi, source }) => spi === each.spi && isSame(source, each.source)));
    this.policies = this.policies.filter(({ selector }) => !policies.some((each) => each.selector === selector));
  };

  /** The key that a packet to the address is sent by; undefined: it is dropped. */
  sends(to: Address): string | undefined {
    const policy = this.policies.find(({ selector: { destination } }) => destination !== undefined && isSame(destination, to));
    return this.states.find(({ spi, destination }) => spi === policy?.by?.spi && isSame(destination, to))?.key.toString('hex');
  }

  takes(from: Address, key: string): boolean {
    return this.states.some(({ source, key: own }) => isSame(source, from) && own.toString('hex') === key);
  }
}

/** What engines share, as each has heard of it: a change is heard when `World.hear` says so. */
class World {
  readonly members = new Map<string, SharedMember>();
  secret: string | undefined = 'aa'.repeat(32);
  now = 0;
  /** Nobody took anything away: no packet is sent that cannot be read. */
  whole = true;
  readonly engines: Engine[] = [];
  readonly limits = { 'max-age': 1000, 'max-packets': 1000 };

  /** Everybody hears of everything, until nobody has anything to say. */
  async settle(): Promise<void> {
    for (let round = 0; round < 12; round++) {
      const before = JSON.stringify([...this.members]);
      for (const engine of this.engines) await engine.hear();
      this.expectReadable();
      if (JSON.stringify([...this.members]) === before) return;
    }
    throw new Error('it does not come to rest');
  }

  /** Whatever is sent can be read. */
  expectReadable(): void {
    if (!this.whole) return;
    for (const from of this.engines)
      for (const to of this.engines) {
        if (from === to || !from.active || !to.active) continue;
        const key = from.kernel.sends(to.address);
        if (key !== undefined) expect([from.id, to.id, to.kernel.takes(from.address, key)]).toEqual([from.id, to.id, true]);
      }
  }

  expectAllConnected(): void {
    const up = this.engines.filter(({ active }) => active);
    for (const from of up) {
      expect(from.kernel.states).toHaveLength(2 * (up.length - 1));
      for (const to of up) if (from !== to) expect(from.kernel.sends(to.address)).toBeDefined();
    }
    const used = this.engines.flatMap(({ kernel }) => kernel.used);
    expect(new Set(used).size).toBe(used.length); // no key has two lives
  }
}

class Engine {
  readonly address: Address;
  readonly kernel: Kernel;
  active = false;
  #encryption: Encryption;
  #heard: readonly SharedMember[] = [];

  constructor(
    private readonly world: World,
    readonly id: string,
    number: number,
  ) {
    this.address = parseAddress(`192.0.2.${number}`) as Address;
    this.kernel = new Kernel(this.address);
    this.#encryption = this.#new();
    world.engines.push(this);
  }

  #new(): Encryption {
    const { world } = this;
    const cluster = {
      id: this.id,
      informed: true,
      view: { secret: () => world.secret, membersOf: () => this.#heard },
      ensureSecret: async (_: string, secret: string) => void (world.secret ??= secret),
      tellMember: async (member: SharedMember) => void world.members.set(this.id, member),
      withdrawMember: () => void world.members.delete(this.id),
    } as unknown as Cluster;
    const nothing = async () => undefined;
    return new Encryption({
      cluster,
      kernel: this.kernel as unknown as EncryptionKernel,
      table: { has: () => true, canTellStates: async () => true, addEncrypted: nothing, removeEncrypted: nothing },
      way: async () => ({ address: formatAddress(this.address), mtu: 1500 }),
      port: 4789,
      limits: world.limits,
      now: () => world.now,
    });
  }

  async join(): Promise<void> {
    this.active = true;
    await this.#encryption.guard(NETWORK);
    await this.hear();
  }

  async hear(): Promise<void> {
    this.#heard = [...this.world.members.values()];
    await this.#encryption.follow(NETWORK);
  }

  async leave(): Promise<void> {
    this.#heard = [...this.world.members.values()];
    this.active = false;
    await this.#encryption.remove(NETWORK);
  }

  /** The process dies and comes back; its kernel does not. */
  async restart(): Promise<void> {
    this.#encryption = this.#new();
    await this.join();
  }
}

async function connected(count: number): Promise<World> {
  const world = new World();
  for (let number = 1; number <= count; number++) {
    await new Engine(world, `e${number}`, number).join();
    await world.settle();
  }
  world.expectAllConnected();
  return world;
}

/** States that nobody sends by any more go after a while. */
async function rest(world: World): Promise<void> {
  await world.settle();
  world.now += 6_000;
  await world.settle();
}

describe('keys of the engines on an encrypted network', () => {
  it('are agreed upon by all that join, each pair and direction for itself', async () => {
    const world = await connected(4);
    expect(new Set(world.engines.flatMap(({ kernel }) => kernel.used)).size).toBe(12);
  });

  it('are there for nobody before the other one takes them', async () => {
    const world = new World();
    const [one, two] = [new Engine(world, 'one', 1), new Engine(world, 'two', 2)];
    await one.join();
    await two.join();
    expect([one.kernel.sends(two.address), two.kernel.sends(one.address)]).toEqual([undefined, undefined]);
    expect(two.kernel.policies.map(({ by }) => by)).toEqual([undefined]); // all is dropped
    await one.hear();
    expect([one.kernel.sends(two.address) !== undefined, two.kernel.sends(one.address)]).toEqual([true, undefined]);
    world.expectReadable();
    await two.hear();
    world.expectReadable();
    await rest(world);
    world.expectAllConnected();
  });

  it('are new with each life of a service, and what was agreed before goes on until then', async () => {
    const world = await connected(3);
    const [first, second] = world.engines as [Engine, Engine, Engine];
    const before = first.kernel.sends(second.address);
    await first.restart();
    expect(first.kernel.sends(second.address)).toBe(before);
    world.expectReadable();
    await rest(world);
    expect(first.kernel.sends(second.address)).not.toBe(before);
    world.expectAllConnected();
    await Promise.all(world.engines.map((engine) => engine.restart())); // all at once
    await rest(world);
    world.expectAllConnected();
  });

  it('go with an engine that leaves, and are others when it comes back', async () => {
    const world = await connected(3);
    const third = world.engines[2] as Engine;
    await third.leave();
    await rest(world);
    expect([third.kernel.states, third.kernel.policies]).toEqual([[], []]);
    for (const { kernel } of world.engines.slice(0, 2)) {
      expect(kernel.states).toHaveLength(2);
      expect(kernel.policies.filter(({ by }) => by !== undefined)).toHaveLength(1);
    }
    await third.join();
    await rest(world);
    world.expectAllConnected();
  });

  it.each([
    ['a while', (world: World) => (world.now += 1_000_001)],
    ['some packets', (world: World) => world.engines[0]?.kernel.states.forEach((state) => (state.packets = 1000n))],
  ])('are others after %s', async (_, pass) => {
    const world = await connected(2);
    const [first, second] = world.engines as [Engine, Engine];
    const before = [first.kernel.sends(second.address), second.kernel.sends(first.address)];
    pass(world);
    await rest(world);
    const after = [first.kernel.sends(second.address), second.kernel.sends(first.address)];
    for (const at of [0, 1]) expect(after[at]).not.toBe(before[at]);
    world.expectAllConnected();
  });

  it('are others where somebody took states away, or the store forgot who was there', async () => {
    const world = await connected(2);
    const [first] = world.engines as [Engine, Engine];
    const changes = [
      () => (first.kernel.states = first.kernel.states.filter(({ source }) => !isSame(source, first.address))),
      () => (first.kernel.states = []),
      () => world.members.clear(),
      () => (world.secret = undefined),
    ];
    for (const change of changes) {
      world.whole = false;
      change();
      await rest(world);
      world.whole = true;
      world.expectReadable();
      world.expectAllConnected();
    }
  });

  it('are others where a number is taken already', async () => {
    const world = new World();
    const [one, two] = [new Engine(world, 'one', 1), new Engine(world, 'two', 2)];
    const { add } = one.kernel;
    let refused = false;
    one.kernel.add = async (state) => {
      if (!refused) {
        refused = true;
        throw new NetlinkError(EEXIST, 'add state');
      }
      await add(state);
    };
    await one.join();
    await two.join();
    await rest(world);
    expect(refused).toBe(true);
    world.expectAllConnected();
  });

  it('are refused to records that nobody could follow', async () => {
    const world = await connected(2);
    world.members.set('strange', { networkId: 'n', engine: 'strange', at: 'nowhere', salt: '', receives: {}, sends: {} });
    world.members.set('other', { networkId: 'n', engine: 'other', at: '192.0.2.9', salt: 'short', receives: {}, sends: {} });
    await rest(world);
    world.expectAllConnected();
  });
});
