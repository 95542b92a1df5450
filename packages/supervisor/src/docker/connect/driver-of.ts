import type { DockerContainer } from '../records';

/** The driver of a network that a container is connected to. Records of before do not keep it. */
export function driverOf({ networkDrivers }: Pick<DockerContainer, 'networkDrivers'>, name: string): string {
  const former = name === 'none' ? 'null' : name === 'host' ? 'host' : 'bridge';
  return networkDrivers[name] ?? former;
}

/** Drivers that know nothing of ports: docker shows none of a container that has no other network. */
const PORTLESS: ReadonlySet<string> = new Set(['host', 'ipvlan', 'macvlan', 'null']);

export const hasPorts = (docker: Pick<DockerContainer, 'networkDrivers' | 'networkOrder'>): boolean =>
  docker.networkOrder.some((name) => !PORTLESS.has(driverOf(docker, name)));
