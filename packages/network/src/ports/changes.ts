import { isRouted, type PortWish, type PublishedPort } from './port';

/** How what an endpoint publishes is to change. */
export interface PortChange {
  /** All wishes, as they are from now on. */
  readonly wishes: readonly PortWish[];
  /** Published already, and asked for again. */
  readonly kept: readonly PublishedPort[];
  /** Published, and asked for no more. */
  readonly dropped: readonly PublishedPort[];
  /** Wishes that nothing answers yet, and those that are no more. */
  readonly fresh: readonly PortWish[];
  readonly gone: readonly PortWish[];
}

/** What is published for whom: wishes of one endpoint, and the ports that it has. */
export interface Publication {
  readonly ports: readonly PublishedPort[];
  readonly portWishes?: readonly PortWish[];
}

/** Of a record of before, which does not say what was asked for: the same port again. */
const asWish = (port: PublishedPort): PortWish => ({ ...port, hostPortEnd: port.hostPort });

export const wishesOf = ({ ports, portWishes }: Publication): readonly PortWish[] => portWishes ?? ports.map(asWish);

const keyOf = ({ protocol, containerPort, hostIp, hostPort, hostPortEnd }: PortWish): string =>
  `${protocol} ${containerPort} ${hostIp} ${hostPort}-${hostPortEnd}`;

/** What a wish is answered with stays as long as it is asked for in the same words: also a port that was chosen. */
export function compareWishes(publication: Publication, wishes: readonly PortWish[]): PortChange {
  const before = wishesOf(publication);
  const wanted = new Map<string, number>();
  for (const wish of wishes) wanted.set(keyOf(wish), (wanted.get(keyOf(wish)) ?? 0) + 1);
  const gone = before.filter((wish) => !takeOne(wanted, keyOf(wish)));
  const fresh = wishes.toReversed().filter((wish) => takeOne(wanted, keyOf(wish)));
  const answers = answersOf(before, publication.ports);
  const dropped = new Set(gone.flatMap((wish) => answers.get(wish) ?? []));
  return {
    wishes,
    gone,
    fresh: fresh.toReversed(),
    dropped: [...dropped],
    kept: publication.ports.filter((port) => !dropped.has(port)),
  };
}

function takeOne(counts: Map<string, number>, key: string): boolean {
  const left = counts.get(key) ?? 0;
  if (left > 0) counts.set(key, left - 1);
  return left > 0;
}

/** Which ports answer which wish. Who says most about its port finds it first; what then fits several is as good for each of them. */
function answersOf(wishes: readonly PortWish[], ports: readonly PublishedPort[]): Map<PortWish, readonly PublishedPort[]> {
  const free = new Map<string, PublishedPort[]>();
  for (const port of ports) {
    const target = `${port.protocol} ${port.containerPort}`;
    const siblings = free.get(target);
    if (siblings === undefined) free.set(target, [port]);
    else siblings.push(port);
  }
  const answers = new Map<PortWish, readonly PublishedPort[]>();
  for (const wish of wishes.toSorted((a, b) => freedom(a) - freedom(b))) {
    const siblings = free.get(`${wish.protocol} ${wish.containerPort}`) ?? [];
    const fitting = siblings.filter((port) => fits(wish, port));
    const hostPort = fitting.find((port) => !isRouted(port))?.hostPort;
    const seen = new Set<string>();
    const mine = fitting.filter((port) => {
      const isMine = (isRouted(port) || port.hostPort === hostPort) && !seen.has(port.hostIp);
      if (isMine) seen.add(port.hostIp);
      return isMine;
    });
    answers.set(wish, mine);
    free.set(
      `${wish.protocol} ${wish.containerPort}`,
      siblings.filter((port) => !mine.includes(port)),
    );
  }
  return answers;
}

/** How little a wish says: one of all addresses and any port says least. */
const freedom = ({ hostIp, hostPort, hostPortEnd }: PortWish): number =>
  (hostIp === '' ? 1 << 17 : 0) + (hostPort === 0 ? 1 << 16 : hostPortEnd - hostPort);

const fits = (wish: PortWish, port: PublishedPort): boolean =>
  isRouted(port) ||
  ((wish.hostIp === '' || wish.hostIp === port.hostIp) &&
    (wish.hostPort === 0 || (wish.hostPort <= port.hostPort && port.hostPort <= wish.hostPortEnd)));
