import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname as hostName } from 'node:os';
import { join } from 'node:path';
import { NamespaceMode, type PodSandboxConfig } from '@gantry/api/runtime/v1/api';
import { hasCode, MNT, MS, syscalls } from '@gantry/linux';
import { namespacesOf } from './pod';

/** Where a pod's files are. */
export interface PodPlaces {
  /** hostname, hosts, resolv.conf. */
  readonly folder: string;
  /** The /dev/shm that its containers share; the host's where they have the host's ipc. */
  readonly shm: string;
}

export interface Roots {
  readonly data: string;
  readonly run: string;
}

const SHM_SIZE = '65536k';

export const folderOf = ({ data }: Roots, id: string): string => join(data, 'pods', id);
const runOf = ({ run }: Roots, id: string): string => join(run, 'cri', id);

export function placesOf(roots: Roots, id: string, config: PodSandboxConfig): PodPlaces {
  const shared = namespacesOf(config).ipc === NamespaceMode.NODE ? '/dev/shm' : join(runOf(roots, id), 'shm');
  return { folder: folderOf(roots, id), shm: shared };
}

/** A pod without a name of its own has the host's. */
export const hostnameOf = ({ hostname }: PodSandboxConfig): string => hostname || hostName();

/** What is not there is made, so that it can be done again. */
export function makeFiles(roots: Roots, id: string, config: PodSandboxConfig): PodPlaces {
  const places = placesOf(roots, id, config);
  mkdirSync(places.folder, { recursive: true, mode: 0o711 });
  writeFileSync(join(places.folder, 'hostname'), `${hostnameOf(config)}\n`, { mode: 0o644 });
  writeFileSync(join(places.folder, 'hosts'), textOf('/etc/hosts'), { mode: 0o644 });
  writeFileSync(join(places.folder, 'resolv.conf'), resolvConf(config), { mode: 0o644 });
  if (places.shm !== '/dev/shm') {
    mkdirSync(places.shm, { recursive: true, mode: 0o711 });
    syscalls.mount('shm', places.shm, 'tmpfs', MS.NOSUID | MS.NODEV | MS.NOEXEC, `mode=1777,size=${SHM_SIZE}`);
  }
  return places;
}

/** kubelet decides who answers names; without its word the host's resolvers do. */
export function resolvConf({ dnsConfig }: Pick<PodSandboxConfig, 'dnsConfig'>): string {
  if (dnsConfig === undefined) return textOf('/etc/resolv.conf');
  const { searches, servers, options } = dnsConfig;
  const lines = [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** What the running pod has: its /dev/shm. */
export function unmountShm(roots: Roots, id: string): void {
  const path = join(runOf(roots, id), 'shm');
  try {
    syscalls.umount2(path, MNT.DETACH);
  } catch (error) {
    if (!hasCode(error, 'EINVAL') && !hasCode(error, 'ENOENT')) throw error;
  }
  rmSync(runOf(roots, id), { recursive: true, force: true });
}

export function removeFiles(roots: Roots, id: string): void {
  unmountShm(roots, id);
  rmSync(folderOf(roots, id), { recursive: true, force: true });
}
