import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { alreadyExists, invalidArgument, notFound } from '@gantry/rpc/errors';
import { parseJson, formatJson, type Spec } from '@gantry/oci';
import type { CgroupManager, CgroupPlan } from '../cgroup/contract';

/** <root>/<id>/state.json: all that a later command needs. */
export interface StoredState {
  readonly version: 1;
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: string;
  /** RFC 3339. */
  readonly created: string;
  readonly cgroup: CgroupPlan;
  readonly spec: Spec;
  /** 0 while it is being created. */
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, so that another process with this pid is never taken for it. */
  readonly startTime: string;
  readonly noNewKeyring: boolean;
}

export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped';

const START_SOCKET = 'start.sock';

/** An id is a file name and more: anything else could leave the root (CVE of the kind "id ../x"). */
export function checkId(id: string): string {
  if (!/^[A-Za-z0-9_+.-]{1,1024}$/.test(id) || id === '.' || id === '..') throw invalidArgument(`container id "${id}" is not allowed`);
  return id;
}

export function stateDirectory(root: string, id: string): string {
  return join(root, checkId(id));
}

/** Takes the id; fails when it is taken. Root and directory are for the owner alone. */
export function reserve(root: string, id: string): string {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const directory = stateDirectory(root, id);
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw alreadyExists(`container with id "${id}" already exists`);
    throw error;
  }
  return directory;
}

export function saveState(root: string, state: StoredState): void {
  const path = join(stateDirectory(root, state.id), 'state.json');
  writeFileSync(`${path}.new`, formatJson(state), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function loadState(root: string, id: string): StoredState {
  const path = join(stateDirectory(root, id), 'state.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw notFound(`container "${id}" does not exist`);
    throw error;
  }
  return parseJson(text) as StoredState;
}

export function forget(root: string, id: string): void {
  rmSync(stateDirectory(root, id), { recursive: true, force: true });
}

/** Start time and state letter of a process, or undefined when there is none. */
export function processStat(pid: number): { startTime: string; letter: string } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { startTime: fields[19] ?? '', letter: fields[0] ?? '' };
  } catch {
    return undefined; /* it ended */
  }
}

export function isAlive(state: StoredState): boolean {
  const stat = state.pid > 0 ? processStat(state.pid) : undefined;
  return stat !== undefined && stat.startTime === state.startTime && stat.letter !== 'Z' && stat.letter !== 'X';
}

export async function statusOf(root: string, state: StoredState, cgroups: CgroupManager): Promise<Status> {
  if (state.pid === 0) return 'creating';
  if (!isAlive(state)) return 'stopped';
  if (await cgroups.frozen(state.cgroup).catch(() => false)) return 'paused';
  return existsSync(join(stateDirectory(root, state.id), START_SOCKET)) ? 'created' : 'running';
}
