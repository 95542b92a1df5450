import { closeSync, promises as fs, mkdirSync, openSync, readdirSync, rmdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatJson, type IdMapping, type Mount, type Spec } from '@gantry/oci';
import { deadlineExceeded, failedPrecondition, pause } from '@gantry/rpc';
import type { RootfsMounter } from './rootfs';

const BINDS = 'binds';
/** Milliseconds that the file system of a source may take to tell what it is. */
const ANSWER_MS = 30_000;

/**
 * Binds with an id map of their own, for runtimes that know none (runc before 1.2): each is mounted, mapped, below the bundle, and the bundle's
 * config.json names that place instead. `removeMappedBinds` takes them away, also those of a call that was cut short.
 */
export async function layMappedBinds(rootfs: RootfsMounter, bundle: string, spec: Spec): Promise<void> {
  const mounts = spec.mounts ?? [];
  if (!mounts.some(isMapped)) return;
  const dir = join(bundle, BINDS);
  mkdirSync(dir, { recursive: true, mode: 0o711 });
  const laid: Mount[] = [];
  for (const [index, mount] of mounts.entries()) laid.push(isMapped(mount) ? await lay(rootfs, dir, String(index), mount) : mount);
  writeFileSync(join(bundle, 'config.json'), formatJson({ ...spec, mounts: laid }), { mode: 0o600 });
}

/** Of a bundle that has none, nothing. May be repeated. */
export async function removeMappedBinds(rootfs: RootfsMounter, bundle: string): Promise<void> {
  const dir = join(bundle, BINDS);
  for (const name of entriesOf(dir)) {
    const place = join(dir, name);
    await rootfs.unmount(place);
    if (statSync(place).isDirectory()) rmdirSync(place);
    else unlinkSync(place);
  }
  if (entriesOf(bundle).includes(BINDS)) rmdirSync(dir);
}

type MappedMount = Mount & {
  readonly source: string;
  readonly uidMappings: readonly IdMapping[];
  readonly gidMappings: readonly IdMapping[];
};

function isMapped(mount: Mount): mount is MappedMount {
  const binds = mount.type === 'bind' || (mount.options ?? []).some((option) => option === 'bind' || option === 'rbind');
  return binds && mount.source !== undefined && (mount.uidMappings ?? []).length > 0 && (mount.gidMappings ?? []).length > 0;
}

async function lay(rootfs: RootfsMounter, dir: string, name: string, mount: MappedMount): Promise<Mount> {
  const { uidMappings, gidMappings, source, ...rest } = mount;
  const place = join(dir, name);
  if (await isDirectory(source, mount.destination)) mkdirSync(place);
  else closeSync(openSync(place, 'wx', 0o600));
  const all = (mount.options ?? []).includes('bind') ? 'bind' : 'rbind';
  await rootfs.mount(dir, [
    { type: 'bind', source, target: name, options: [all, `uidmap=${rangesOf(uidMappings)}`, `gidmap=${rangesOf(gidMappings)}`] },
  ]);
  return { ...rest, source: place };
}

async function isDirectory(source: string, destination: string): Promise<boolean> {
  const found = fs.stat(source).catch((error: unknown) => {
    throw failedPrecondition(`cannot find ${source}, which is to be bound at ${destination}`, { cause: error });
  });
  found.catch(() => undefined);
  const late = new AbortController();
  const waited = pause(ANSWER_MS, { signal: late.signal });
  try {
    const stat = await Promise.race([found, waited]);
    if (typeof stat === 'object') return stat.isDirectory();
    throw deadlineExceeded(`cannot bind ${source} at ${destination}: its file system does not answer within ${ANSWER_MS / 1000} seconds`);
  } finally {
    late.abort();
  }
}

const rangesOf = (maps: readonly IdMapping[]): string =>
  maps.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(',');

function entriesOf(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return []; // there is none
  }
}
