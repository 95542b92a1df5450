// Runs inside the guest, bundled: pods as a kubelet with the systemd cgroup driver makes them, by gantry-cri's socket. One argument: make, after (a reboot), or lost (a power loss).
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { uptime } from 'node:os';
import {
  ContainerConfig,
  ContainerState,
  LinuxContainerResources,
  PodSandboxConfig,
  PodSandboxState,
  RuntimeServiceService,
} from '@gantry/api/runtime/v1/api';
import { connect, newContext } from '@gantry/rpc';

const connection = connect('/run/gantry/cri.sock', { defaults: { waitForReady: true, timeoutMs: 120_000 } });
const cri = connection.client(RuntimeServiceService);
const ctx = newContext({ namespace: '' });
const IMAGE = 'docker.io/library/busybox:latest';
let failed = 0;

async function check(name: string, look: () => unknown, want: unknown): Promise<void> {
  const got = await Promise.resolve(look()).catch((error: Error) => error.message);
  const [have, wish] = [JSON.stringify(got), JSON.stringify(want)];
  if (have !== wish) failed++;
  console.log(`${have === wish ? 'ok' : 'FAILED'} pods: ${name}${have === wish ? '' : `\n  | got ${have}, want ${wish}`}`);
}
const run = (program: string, ...args: string[]): string => execFileSync(program, args, { encoding: 'utf8' });
async function eventually<T>(look: () => Promise<T> | T, done: (value: T) => boolean): Promise<T> {
  for (const end = Date.now() + 300_000; ; await new Promise((resolve) => setTimeout(resolve, 200))) {
    const value = await look();
    if (done(value) || Date.now() > end) return value;
  }
}

const CLASSES = { guaranteed: '', burstable: 'burstable-', besteffort: 'besteffort-' } as const;
type Class = keyof typeof CLASSES;
const sliceOf = (kind: Class, n: number): string => `kubepods-${CLASSES[kind]}pod${n}.slice`;
/** a-b.slice lies in a.slice */
const folderOf = (slice: string): string =>
  [
    '/sys/fs/cgroup',
    ...slice
      .replace('.slice', '')
      .split('-')
      .map((_, i, words) => `${words.slice(0, i + 1).join('-')}.slice`),
  ].join('/');
const values = (folder: string, ...files: string[]): string[] => files.map((file) => readFileSync(`${folder}/${file}`, 'utf8').trim());

interface Made {
  readonly pod: string;
  readonly container: string;
  readonly folder: string;
}

/** A pod as kubelet makes one: the slice first, by systemd, then the sandbox and one container in it. */
async function make(kind: Class, n: number, args: readonly string[], resources: object): Promise<Made> {
  const slice = sliceOf(kind, n);
  run(
    'systemctl',
    'set-property',
    '--runtime',
    slice,
    'MemoryAccounting=yes',
    'CPUAccounting=yes',
    'TasksAccounting=yes',
    'MemoryMax=256M',
  );
  run('systemctl', 'start', slice);
  const metadata = { name: `pod${n}`, uid: `uid-${n}`, namespace: 'default', attempt: 0 };
  const config = PodSandboxConfig.fromPartial({ metadata, logDirectory: `/var/log/pods/pod${n}`, linux: { cgroupParent: slice } });
  const { podSandboxId: pod } = await cri.runPodSandbox(ctx, { config, runtimeHandler: '' });
  const container = await add(pod, config, args, resources);
  return { pod, container, folder: `${folderOf(slice)}/cri-gantry-${container}.scope` };
}

async function add(pod: string, sandboxConfig: PodSandboxConfig, args: readonly string[], resources: object): Promise<string> {
  const config = ContainerConfig.fromPartial({
    metadata: { name: 'c', attempt: 0 },
    image: { image: IMAGE },
    args: [...args],
    logPath: 'c.log',
    linux: { resources },
  });
  const { containerId } = await cri.createContainer(ctx, { podSandboxId: pod, config, sandboxConfig });
  await cri.startContainer(ctx, { containerId });
  return containerId;
}
const statusOf = async (containerId: string) => (await cri.containerStatus(ctx, { containerId, verbose: false })).status;
const ended = (id: string) =>
  eventually(
    () => statusOf(id),
    (status) => status?.state === ContainerState.CONTAINER_EXITED,
  );
const howItEnded = async ({ container }: Made) => {
  const status = await ended(container);
  return [status?.state, status?.exitCode, status?.reason];
};
const MB = 1024n * 1024n;
const LIMITS = {
  memoryLimitInBytes: 64n * MB,
  cpuQuota: 50_000n,
  cpuPeriod: 100_000n,
  cpuShares: 512n,
  unified: { 'memory.high': '33554432' },
};
const LIMIT_FILES = ['memory.max', 'cpu.max', 'cpu.weight', 'memory.high'] as const;
const LIMIT_VALUES = ['67108864', '50000 100000', '20', '33554432'];

async function makeAll(): Promise<void> {
  await check('the cgroup driver is told', () => cri.runtimeConfig(ctx, {}), { linux: { cgroupDriver: 0 } });
  const kinds: Class[] = ['guaranteed', 'burstable', 'besteffort'];
  const made: Made[] = [];
  for (let n = 0; n < 10; n++)
    made.push(await make(kinds[n % 3] ?? 'burstable', n, ['sh', '-c', 'trap "exit 3" TERM; sleep 1000000 & wait'], LIMITS));
  const [one] = made;
  if (one === undefined) throw new Error('no pod');
  const limits = () => made.map(({ folder }) => values(folder, ...LIMIT_FILES));
  const all = made.map(() => LIMIT_VALUES);
  await check(
    'ten run',
    async () =>
      (await cri.listContainers(ctx, { filter: undefined })).containers.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING)
        .length,
    10,
  );
  await check("each is a scope of its pod's slice", () => made.every(({ folder }) => existsSync(`${folder}/cgroup.procs`)), true);
  await check('limits', limits, all);
  run('systemctl', 'daemon-reload');
  await check('limits are kept through: systemctl daemon-reload', limits, all);
  for (let n = 0; n < 10; n++)
    run(
      'systemctl',
      'set-property',
      '--runtime',
      sliceOf(kinds[n % 3] ?? 'burstable', n),
      'MemoryMax=200M',
      'CPUWeight=50',
      'TasksMax=500',
    );
  await check("limits are kept through: changes of the pods' slices, as kubelet makes them", limits, all);
  run('systemctl', 'set-property', '--runtime', 'kubepods.slice', 'CPUWeight=200');
  await check("limits are kept through: a change of all pods' slice", limits, all);
  await check(
    'limits are made after them',
    async () => values((await make('burstable', 10, ['sleep', '1000'], LIMITS)).folder, ...LIMIT_FILES),
    LIMIT_VALUES,
  );
  await cri.updateContainerResources(ctx, {
    containerId: one.container,
    linux: LinuxContainerResources.fromPartial({ ...LIMITS, memoryLimitInBytes: 48n * MB, cpuQuota: 20_000n }),
    windows: undefined,
    annotations: {},
  });
  await check('a change in place', () => values(one.folder, 'memory.max', 'cpu.max'), ['50331648', '20000 100000']);
  const stats = async () =>
    (await cri.podSandboxStats(ctx, { podSandboxId: one.pod })).stats?.linux?.containers.map(
      ({ memory }) => (memory?.workingSetBytes?.value ?? 0n) > 0n,
    );
  await check('figures', () => eventually(stats, (found) => found?.[0] === true), [true]);

  const oom = await make('burstable', 11, ['tail', '/dev/zero'], { memoryLimitInBytes: 16n * MB, memorySwapLimitInBytes: 16n * MB });
  const killed = [ContainerState.CONTAINER_EXITED, 137, 'OOMKilled'];
  await check('an OOM kill', () => howItEnded(oom), killed);
  const greedy = await make('burstable', 12, ['sh', '-c', 'sleep 1; tail /dev/zero'], {});
  run('systemctl', 'set-property', '--runtime', sliceOf('burstable', 12), 'MemoryMax=24M', 'MemorySwapMax=0');
  await check("an OOM kill by the pod's limit", () => howItEnded(greedy), killed);

  await cri.stopContainer(ctx, { containerId: one.container, timeout: 20n });
  await check('a graceful stop', async () => (await statusOf(one.container))?.exitCode, 3);
  await cri.stopPodSandbox(ctx, { podSandboxId: one.pod });
  await cri.removePodSandbox(ctx, { podSandboxId: one.pod });
  await check('nothing of a removed pod is in its slice', () => existsSync(one.folder), false);
  run('systemctl', 'stop', sliceOf('guaranteed', 0));
  await check('its slice goes', () => existsSync(folderOf(sliceOf('guaranteed', 0))), false);
}

/** Pods do not come back by themselves: kubelet sees what there was, and makes them again. */
async function afterBoot(): Promise<void> {
  const pods = (await cri.listPodSandbox(ctx, { filter: undefined })).items;
  await check(
    'after the reboot: twelve are known and not ready',
    () => pods.map(({ state }) => state).filter((state) => state === PodSandboxState.SANDBOX_NOTREADY).length,
    12,
  );
  const { containers } = await cri.listContainers(ctx, { filter: undefined });
  await check(
    'after the reboot: no container of them runs',
    () => containers.filter(({ state }) => state !== ContainerState.CONTAINER_EXITED).length,
    0,
  );
  const statuses = await Promise.all(containers.map(({ id }) => statusOf(id)));
  await check(
    'after the reboot: each is told as it ended: nine with a code of their own, one by SIGTERM, two before it',
    () => statuses.map((status) => `${status?.exitCode} ${status?.reason}`).sort(),
    ['137 OOMKilled', '137 OOMKilled', '143 Error', ...Array.from({ length: 9 }, () => '3 Error')],
  );
  const booted = BigInt(Math.floor(Date.now() - uptime() * 1000)) * 1_000_000n;
  await check(
    'after the reboot: and when, before it',
    () => statuses.filter((status) => (status?.finishedAt ?? 0n) < (status?.startedAt ?? 0n) || (status?.finishedAt ?? 0n) > booted).length,
    0,
  );
  const [first] = pods;
  await check(
    'after the reboot: one is made anew',
    async () => {
      const made = await make('burstable', 20, ['sleep', '1000'], LIMITS);
      const read = values(made.folder, ...LIMIT_FILES);
      await cri.stopPodSandbox(ctx, { podSandboxId: made.pod });
      await cri.removePodSandbox(ctx, { podSandboxId: made.pod });
      return [first !== undefined, read];
    },
    [true, LIMIT_VALUES],
  );
  for (const { id } of pods) await cri.removePodSandbox(ctx, { podSandboxId: id });
  await check(
    'after the reboot: all are gone',
    async () => [
      (await cri.listPodSandbox(ctx, { filter: undefined })).items.length,
      (await cri.listContainers(ctx, { filter: undefined })).containers.length,
    ],
    [0, 0],
  );
  await make('burstable', 21, ['sh', '-c', 'trap "exit 3" TERM; sleep 1000000 & wait'], LIMITS); // the power is lost under it
}

/** How it ended nobody has seen. */
async function afterPowerLoss(): Promise<void> {
  const { containers } = await cri.listContainers(ctx, { filter: undefined });
  const statuses = await Promise.all(containers.map(({ id }) => statusOf(id)));
  await check(
    'after the power loss: one that ran is told so',
    () => statuses.map((status) => [status?.state, status?.exitCode, status?.reason]),
    [[ContainerState.CONTAINER_EXITED, 255, 'Unknown']],
  );
  for (const { id } of (await cri.listPodSandbox(ctx, { filter: undefined })).items) await cri.removePodSandbox(ctx, { podSandboxId: id });
  await check('after the power loss: it is gone', async () => (await cri.listContainers(ctx, { filter: undefined })).containers.length, 0);
}

const parts: Readonly<Record<string, () => Promise<void>>> = { make: makeAll, after: afterBoot, lost: afterPowerLoss };
void (parts[process.argv[2] ?? ''] ?? makeAll)()
  .catch((error: Error) => {
    console.log(`FAILED pods: ${error.message}`);
    failed++;
  })
  .finally(() => {
    connection.close();
    process.exitCode = failed;
  });
