import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ContainersService } from '@gantry/api/containerd/services/containers/v1/containers';
import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { TasksService } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { connect, newContext } from '@gantry/rpc';
import { groupsBelow, type Engine } from '../harness';

const store = newContext({ namespace: 'gantry' });

/** All that an engine holds, in its services, its folders and the kernel, a line for each thing: what is there afterwards and was not before is left over. `group` is the parent of its containers' cgroups. */
export async function stockOf(engine: Engine, group: string): Promise<string[]> {
  const found = await Promise.all([ofSupervisor(engine), ofImages(engine), ofNetwork(engine)]);
  return [...found.flat(), ...ofJournal(engine), ...ofMachine(engine, group), ...ofFolders(engine)].sort();
}

async function ofSupervisor(engine: Engine): Promise<string[]> {
  const connection = connect(join(engine.run, 'supervisor.sock'), { defaults: { waitForReady: true } });
  try {
    const { tasks } = await connection.client(TasksService).list(store, { filter: '' });
    const { containers } = await connection.client(ContainersService).list(store, { filters: [] });
    return [...tasks.map(({ id }) => `task ${id}`), ...containers.map(({ id }) => `container ${id}`)];
  } finally {
    connection.close();
  }
}

async function ofImages(engine: Engine): Promise<string[]> {
  const connection = connect(join(engine.run, 'images.sock'), { defaults: { waitForReady: true } });
  try {
    const found: string[] = [];
    for await (const { info } of connection.client(SnapshotsService).list(store, { snapshotter: 'overlayfs', filters: [] }))
      found.push(...info.map(({ name }) => `snapshot ${name}`));
    for await (const { info } of connection.client(ContentService).list(store, { filters: [] }))
      found.push(...info.map(({ digest }) => `content ${digest}`));
    const { leases } = await connection.client(LeasesService).list(store, { filters: [] });
    const { statuses } = await connection.client(ContentService).listStatuses(store, { filters: [] });
    return [...found, ...leases.map(({ id }) => `lease ${id}`), ...statuses.map(({ ref }) => `upload ${ref}`)];
  } finally {
    connection.close();
  }
}

/** Links and the rules of the firewall in the namespace that plays the host, without their counters. */
async function ofNetwork(engine: Engine): Promise<string[]> {
  const [links, rules] = await Promise.all([engine.onHost('ip', ['-o', 'link', 'show']), engine.onHost('nft', ['-s', 'list', 'ruleset'])]);
  const names = links.stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => `link ${(line.split(': ')[1] ?? '').split('@')[0]}`);
  return [
    ...names,
    ...rules.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => `firewall ${line.trim()}`),
  ];
}

/** Operations that are under way, and what the network service has written down. */
function ofJournal(engine: Engine): string[] {
  const read = (file: string, sql: string): string[] => {
    const db = new DatabaseSync(join(engine.root, file), { readOnly: true });
    try {
      return db
        .prepare(sql)
        .all()
        .map((row) => Object.values(row).join(' '));
    } finally {
      db.close();
    }
  };
  return [
    ...read('supervisor/state.db', `SELECT 'journal', kind, subject FROM journal`),
    ...read('supervisor/state.db', `SELECT 'name', name FROM names`),
    ...read('network/network.db', `SELECT 'endpoint', sandbox_id FROM endpoints`),
  ];
}

function ofMachine(engine: Engine, group: string): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((target) => target.startsWith(`${engine.folder}/`));
  const groups = groupsBelow(group).filter((path) => /[0-9a-f]{64}/.test(path));
  return [...mounts.map((path) => `mount ${path}`), ...groups.map((path) => `cgroup ${path}`), ...processesOf(engine)];
}

/** Processes of ours by the number, services apart: those that wait for the next work come and go. */
function processesOf(engine: Engine): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const own = words.some((word) => word.includes(`${engine.folder}/`)) && !words.some((word) => /\.cjs$|^docker$/.test(word));
      return own && /monitor|init/.test(words.join(' ')) ? [`process ${pid} ${words.join(' ')}`] : [];
    } catch {
      return [];
    }
  });
}

/** Files outside of the stores that were asked above. */
function ofFolders(engine: Engine): string[] {
  const found: string[] = [];
  const walk = (dir: string, depth: number): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (/\.db(-wal|-shm|\.guard)?$|\/run\/s\/[^/]+$|\.sock$|\.room$/.test(path) && !/\/run\/s\//.test(path)) continue;
      if (/\/(blobs|trash|base|fs|work|build|events\.journal)$/.test(path)) continue;
      found.push(`file ${path}`);
      if (entry.isDirectory() && depth > 0) walk(path, depth - 1);
    }
  };
  for (const root of [engine.root, engine.run])
    try {
      walk(root, 3);
    } catch {
      found.push(`file ${root}: changed while it was read`); // looked at again
    }
  return found;
}

/** What is there and was not before, once it is gone: what follows behind an answer takes its time. */
export async function leftOver(engine: Engine, group: string, before: readonly string[], patience = 20_000): Promise<string[]> {
  for (const end = Date.now() + patience; ;) {
    const left = (await stockOf(engine, group)).filter((line) => !before.includes(line));
    if (left.length === 0 || Date.now() > end) return left;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
