import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
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
export async function makeFiles(roots: Roots, id: string, config: PodSandboxConfig): Promise<PodPlaces> {
  const places = placesOf(roots, id, config);
  await mkdir(places.folder, { recursive: true, mode: 0o711 });
  await writeFile(join(places.folder, 'hostname'), `${hostnameOf(config)}\n`, { mode: 0o644 });
  await writeFile(join(places.folder, 'hosts'), await textOf('/etc/hosts'), { mode: 0o644 });
  await writeFile(join(places.folder, 'resolv.conf'), await resolvConf(config), { mode: 0o644 });
  if (places.shm !== '/dev/shm') {
    await mkdir(places.shm, { recursive: true, mode: 0o711 });
    await syscalls.async.mount('shm', places.shm, 'tmpfs', MS.NOSUID | MS.NODEV | MS.NOEXEC, `mode=1777,size=${SHM_SIZE}`);
  }
  return places;
}

/** kubelet decides who answers names; without its word the host's resolvers do. */
export async function resolvConf({ dnsConfig }: Pick<PodSandboxConfig, 'dnsConfig'>): Promise<string> {
  if (dnsConfig === undefined) return textOf('/etc/resolv.conf');
  const { searches, servers, options } = dnsConfig;
  const lines = [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  }
}

/** What the running pod has: its /dev/shm. */
export async function unmountShm(roots: Roots, id: string): Promise<void> {
  const path = join(runOf(roots, id), 'shm');
  try {
    await syscalls.async.umount2(path, MNT.DETACH);
  } catch (error) {
    if (!hasCode(error, 'EINVAL') && !hasCode(error, 'ENOENT')) throw error;
  }
  await rm(runOf(roots, id), { recursive: true, force: true });
}

export async function removeFiles(roots: Roots, id: string): Promise<void> {
  await unmountShm(roots, id);
  await rm(folderOf(roots, id), { recursive: true, force: true });
}
