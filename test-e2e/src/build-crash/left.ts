import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ContainersService } from '@gantry/api/containerd/services/containers/v1/containers';
import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { TasksService } from '@gantry/api/containerd/services/tasks/v1/tasks';
import { ControlService } from '@gantry/api/moby/buildkit/v1/control';
import { connect, newContext } from '@gantry/rpc';
import { groupsBelow, type Engine } from '../harness';

/** What builds that are over have left in an engine in which nothing else is done; `group` is the cgroup of steps. Each a line of text. */
async function leftOfBuilds(engine: Engine, group: string): Promise<string[]> {
  const found = await Promise.all([ofTasks(engine), ofStore(engine), ofNetwork(engine)]);
  return [...found.flat(), ...ofMachine(engine, group)];
}

/** The same once it is gone, for the kernel and calls that wait for a service take their time: what is there still after twenty seconds. `known`: not looked at. */
export async function stillLeftOfBuilds(engine: Engine, group: string, known: ReadonlySet<string> = new Set()): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    const left = (await leftOfBuilds(engine, group)).filter((each) => !known.has(each));
    if (left.length === 0 || tries === 20) return left;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

async function ofTasks(engine: Engine): Promise<string[]> {
  const steps = newContext({ namespace: 'buildkit' });
  const connection = connect(join(engine.run, 'supervisor.sock'), { defaults: { waitForReady: true } });
  try {
    const { tasks } = await connection.client(TasksService).list(steps, { filter: '' });
    const { containers } = await connection.client(ContainersService).list(steps, { filters: [] });
    return [...tasks.map(({ id }) => `task ${id}`), ...containers.map(({ id }) => `container ${id}`)];
  } finally {
    connection.close();
  }
}

/** Trees that are written to or looked at, or that no record names; leases of operations, uploads that nobody goes on with. */
async function ofStore(engine: Engine): Promise<string[]> {
  const named = await recorded(engine);
  const store = newContext({ namespace: 'gantry' });
  const connection = connect(join(engine.run, 'images.sock'), { defaults: { waitForReady: true } });
  const left: string[] = [];
  try {
    const list = connection.client(SnapshotsService).list(store, { snapshotter: 'overlayfs', filters: [] });
    for await (const { info } of list)
      for (const { name } of info) {
        const record = /^gantry-build-([0-9a-z]{25})(-cache)?$/.exec(name)?.[1];
        if (name.startsWith('extract-') || (name.startsWith('gantry-build-') && !named.has(record ?? ''))) left.push(`snapshot ${name}`);
      }
    const { leases } = await connection.client(LeasesService).list(store, { filters: [] });
    left.push(...leases.filter(({ id }) => id !== 'gantry-build' && id !== 'gantry-build-history').map(({ id }) => `lease ${id}`));
    const { statuses } = await connection.client(ContentService).listStatuses(store, { filters: [] });
    left.push(...statuses.map(({ ref }) => `upload ${ref}`));
    return left;
  } finally {
    connection.close();
  }
}

/** Ids of the builder's records. */
async function recorded(engine: Engine): Promise<ReadonlySet<string>> {
  const connection = connect(join(engine.run, 'build.sock'), { defaults: { waitForReady: true } });
  try {
    const request = { filter: [], ageLimit: 0n };
    const { record } = await connection.client(ControlService).diskUsage(newContext(), request);
    return new Set(record.map(({ ID }) => ID));
  } finally {
    connection.close();
  }
}

/** Ends of steps' networks in the namespace that plays the host. */
async function ofNetwork(engine: Engine): Promise<string[]> {
  const { stdout } = await engine.onHost('ip', ['-o', 'link', 'show', 'type', 'veth']);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => `link ${line.split(': ')[1] ?? ''}`);
}

function ofMachine(engine: Engine, group: string): string[] {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((target) => target.startsWith(`${engine.run}/`) && target !== join(engine.run, 'build/hidden')); // where secrets lie in memory: it stays, and is empty
  const files = ['build/steps', 'build/hidden', 'build/caches', 'build/gateway', 'tasks/buildkit']
    .map((name) => join(engine.run, name))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  // The parents stay for the next step.
  const groups = groupsBelow(group).filter((path) => path.includes(`${group}/buildkit/`));
  return [...mounts.map((path) => `mount ${path}`), ...files.map((path) => `file ${path}`), ...groups.map((path) => `cgroup ${path}`)];
}
