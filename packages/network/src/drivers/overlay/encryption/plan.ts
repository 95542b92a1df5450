import { type Address, formatAddress, isSame, parseAddress } from '../../../address/cidr';
import type { SharedMember } from '../../../cluster/records';
import type { KnownPolicy } from '../../../xfrm/policy';
import type { KnownState } from '../../../xfrm/state';
import { directionKey, type DirectionKey, type End, isSecret } from './keys';

/** This engine on a network. */
export interface Self extends End {
  readonly id: string;
}

/** Another engine on the network, and the ways to it and from it. */
export interface PeerWays {
  readonly engine: string;
  readonly address: Address;
  /** What it is to send by, as soon as it knows that this engine takes it. */
  readonly from: DirectionKey;
  /** What this engine is to send by. */
  readonly to: DirectionKey;
  /** It takes that: it has said so. */
  readonly takes: boolean;
  /** What it sends by until then, if anything; empty: nothing yet. */
  readonly sends: string;
}

/** SPIs as they are told. */
export const told = (spi: number): string => spi.toString(16).padStart(8, '0');

/** What follows from the network's secret and what engines say of themselves. Of a record that nobody could follow nothing does. */
export function waysOf(
  { self, network, secret }: { readonly self: Self; readonly network: string; readonly secret: string },
  members: readonly SharedMember[],
): PeerWays[] {
  if (!isSecret(secret)) return [];
  return members.flatMap(({ engine, at, salt, receives, sends }) => {
    const address = parseAddress(at);
    if (engine === self.id || address?.family !== self.address.family || isSame(address, self.address) || !isSecret(salt)) return [];
    const peer = { address, salt };
    const [from, to] = [directionKey({ secret, network, from: peer, to: self }), directionKey({ secret, network, from: self, to: peer })];
    return [{ engine, address, from, to, takes: receives[self.id] === told(to.spi), sends: sends[self.id] ?? '' }];
  });
}

/** What the kernel has of the network, by what it is about. */
export function sortKernel(self: Self, states: readonly KnownState[], policies: readonly KnownPolicy[]) {
  return {
    inbound: states.filter(({ destination }) => isSame(destination, self.address)),
    outbound: states.filter(({ source }) => isSame(source, self.address)),
    /** Of neither direction: this host had another address. */
    strange: states.filter(({ source, destination }) => !isSame(source, self.address) && !isSame(destination, self.address)),
    /** By the peer's address: which state its packets take. */
    sendsBy: new Map(
      policies.flatMap(({ selector: { destination }, by }) =>
        destination === undefined || by === undefined ? [] : [[formatAddress(destination), by.spi] as const],
      ),
    ),
  };
}

/** States of what comes in that nobody sends by any more: not the agreed one, nor what the peer says it still uses. */
export const superfluous = (inbound: readonly KnownState[], ways: readonly PeerWays[]): KnownState[] =>
  inbound.filter(
    ({ source, spi }) => !ways.some(({ address, from, sends }) => isSame(address, source) && (from.spi === spi || sends === told(spi))),
  );

export interface Limits {
  /** Seconds that a salt is used. */
  readonly 'max-age': number;
  /** Packets that one state may carry. */
  readonly 'max-packets': number;
}

/** Whether an engine should take a new salt. */
export const isWorn = (limits: Limits, ageMs: number, outbound: readonly KnownState[]): boolean =>
  ageMs >= limits['max-age'] * 1000 || outbound.some(({ packets }) => packets >= BigInt(limits['max-packets']));
