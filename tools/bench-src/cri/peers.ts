import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, ended, succeeding, until } from '../../../test-e2e/src/harness/command';
import { connectCri, type CriClient, criContext as ctx } from '../../../test-e2e/src/harness/cri';
import { startEngine } from '../../../test-e2e/src/harness/engine';
import { removeGroups } from '../../../test-e2e/src/harness/groups';
import { engineProcesses } from './memory';
import { processorTime } from './processor';
import { removePod } from './pods';

/** A runtime of Kubernetes' pods in a network namespace of its own, and a client of it: the same one for both. */
export interface CriPeer {
  readonly name: 'gantry' | 'containerd';
  readonly cri: CriClient;
  /** A cgroup that nobody else uses: pods' are below it. */
  readonly group: string;
  /** Everything that is not the workload. */
  processes(): string[];
  /** Milliseconds that all of it and its workload have taken of the processors. */
  processor(): number;
  destroy(): Promise<void>;
}

/** Debian's containernetworking-plugins. */
const PLUGINS = '/usr/lib/cni';

const PAUSE = 'docker.io/library/pause:latest';

export interface Images {
  readonly workload: string;
  /** What a pause container of containerd's is made from. */
  readonly pause: string;
}

/** Pods are on the network that the engine has where no CNI configuration is: as it comes. */
export async function gantryPeer(images: Images): Promise<CriPeer> {
  const nothing = mkdtempSync(join(tmpdir(), 'gantry-e2e-bench-cni-'));
  const engine = await startEngine('gantry', { memoryRun: true, config: { network: `cni:\n  conf-directory: ${nothing}\n` } });
  const cri = connectCri(join(engine.run, 'cri.sock'));
  const group = `/${engine.netns}`;
  const processes = (): string[] => engineProcesses(engine.folder, engine.netns, engine.run);
  const ctr = succeeding((args) => command('ctr', ['-a', join(engine.run, 'supervisor.sock'), '-n', 'k8s.io', ...args], LONG));
  await ctr('images', 'import', images.workload);
  return {
    name: 'gantry',
    cri,
    group,
    processes,
    processor: processorTime(group, processes()),
    destroy: async () => {
      await allGone(cri);
      cri.close();
      await engine.destroy();
      await removeGroups(group);
      rmSync(nothing, { recursive: true, force: true });
    },
  };
}

const LONG = { timeout: 600_000 };

/** containerd with its CRI, runc, and a bridge of Debian's CNI plugins. folder: where containerd, its shim and ctr are. */
export async function containerdPeer(programs: string, images: Images): Promise<CriPeer> {
  const folder = mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-`));
  const netns = folder.slice(folder.lastIndexOf('/') + 1);
  const run = join(folder, 'run');
  const address = join(run, 'cri.sock');
  mkdirSync(run);
  await must('mount', '-t', 'tmpfs', '-o', 'mode=0711', 'tmpfs', run);
  await must('ip', 'netns', 'add', netns);
  await must('ip', '-n', netns, 'link', 'set', 'lo', 'up');
  writeFileSync(join(folder, 'config.toml'), configOf(folder, run));
  mkdirSync(join(folder, 'cni'));
  writeFileSync(join(folder, 'cni/10-bench.conflist'), JSON.stringify(networkOf(run)));
  const log = join(folder, 'containerd.log');
  const out = openSync(log, 'a');
  const child: ChildProcess = spawn(
    'nsenter',
    [`--net=/run/netns/${netns}`, join(programs, 'containerd'), '-c', join(folder, 'config.toml')],
    {
      stdio: ['ignore', out, out],
      env: { ...process.env, PATH: `${programs}:${process.env['PATH'] ?? ''}` },
      detached: true,
    },
  );
  const cri = connectCri(address);
  const group = `/${netns}`;
  const ctr = (args: readonly string[]) => command(join(programs, 'ctr'), ['-a', address, '-n', 'k8s.io', ...args], LONG);
  const peer: CriPeer = {
    name: 'containerd',
    cri,
    group,
    processes: () => engineProcesses(folder, netns, run),
    processor: processorTime(group, [String(child.pid)]),
    destroy: async () => {
      if (child.exitCode === null) await allGone(cri);
      cri.close();
      child.kill();
      await ended(child);
      for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
        const target = line.split(' ')[4] ?? '';
        if (target.startsWith(`${folder}/`)) await command('umount', ['-l', target]);
      }
      await command('ip', ['netns', 'del', netns]);
      await removeGroups(group);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await until(`containerd to answer (see ${log})`, async () => {
      if (child.exitCode !== null) throw new Error(`containerd ended at once:\n${readFileSync(log, 'utf8').slice(-4000)}`);
      return (await ctr(['version'])).code === 0;
    });
    for (const archive of [images.workload, images.pause]) await succeeding(ctr)('images', 'import', archive);
    return peer;
  } catch (error) {
    await peer.destroy();
    throw error;
  }
}

async function must(...words: readonly [string, ...string[]]): Promise<void> {
  await succeeding(([file = '', ...args]) => command(file, args))(...words);
}

/** restrict_oom_score_adj: what it wants for its pause containers is refused where the hard limits are lowered. */
const configOf = (folder: string, run: string): string => `version = 3
root = "${folder}/root"
state = "${run}/state"
[grpc]
address = "${run}/cri.sock"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "${PAUSE}"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["${PLUGINS}"]
conf_dir = "${folder}/cni"
`;

const networkOf = (run: string): object => ({
  cniVersion: '1.0.0',
  name: 'bench',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      ipMasq: true,
      ipam: { type: 'host-local', ranges: [[{ subnet: '10.88.0.0/16' }]], routes: [{ dst: '0.0.0.0/0' }], dataDir: `${run}/addresses` },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
});

async function allGone(cri: CriClient): Promise<void> {
  for (const { id } of (await cri.runtime.listPodSandbox(ctx, { filter: undefined })).items) await removePod(cri, id);
}
