import { existsSync, mkdirSync, promises as fs } from 'node:fs';
import { join } from 'node:path';
import { hasCode, MNT, MS, syscalls } from '@gantry/linux';
import { invalidArgument } from '@gantry/rpc';
import type { DockerContainer } from '../records';
import { DEFAULT_SHM_SIZE, type EngineFiles } from '@gantry/spec';
import type { Uses } from '../engine';
import { ownerOf } from '../connect/joined';
import { joinedContainer } from '../validate/validate-modes';

type Needs = Uses<{ settings: 'runRoot'; records: 'findDocker' }>;

/** All that a place for shared memory depends on. */
interface RunRoot {
  readonly settings: { readonly runRoot: string };
}

/** Releases what containers left that do not run (any more): a crash may have come between an end and its bookkeeping. */
export async function releaseStrayShm(engine: RunRoot, running: (id: string) => boolean): Promise<void> {
  const ids = await fs.readdir(join(engine.settings.runRoot, 'tasks', 'shm')).catch(() => []);
  for (const id of ids) if (!running(id)) await releaseShm(engine, id);
}

/** Where the shared memory of a container with a shareable IPC namespace is mounted on the host. */
function shmPath(engine: RunRoot, id: string): string {
  return join(engine.settings.runRoot, 'tasks', 'shm', id);
}

/** The directory to bind at /dev/shm: one of its own for a shareable container, the other's for one that joins it. */
export async function shmDirectory(engine: Needs, id: string, docker: DockerContainer): Promise<Pick<EngineFiles, 'shm'>> {
  const mode = docker.hostConfig?.IpcMode ?? '';
  const other = joinedContainer(mode);
  if (other !== undefined) {
    const owner = ownerOf(engine, { id, docker }, 'IPC');
    if (owner?.docker.hostConfig?.IpcMode === 'host') return { shm: '/dev/shm' };
    if (owner?.docker.hostConfig?.IpcMode !== 'shareable')
      throw invalidArgument(
        `failed to join IPC namespace: container ${other}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      );
    return { shm: shmPath(engine, owner.id) };
  }
  if (mode !== 'shareable') return {};
  const path = shmPath(engine, id);
  await releaseShm(engine, id);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const size = docker.hostConfig?.ShmSize || DEFAULT_SHM_SIZE;
  syscalls.mount('shm', path, 'tmpfs', MS.NOSUID | MS.NOEXEC | MS.NODEV, `mode=1777,size=${size}`);
  return { shm: path };
}

/** Unmounts and removes it; nothing to do for most containers. */
export async function releaseShm(engine: RunRoot, id: string): Promise<void> {
  const path = shmPath(engine, id);
  if (!existsSync(path)) return;
  try {
    syscalls.umount2(path, MNT.DETACH);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'EINVAL')) throw error;
  }
  await fs.rmdir(path).catch(() => undefined);
}
