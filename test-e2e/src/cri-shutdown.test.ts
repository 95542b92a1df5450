import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ContainerState, PodSandboxState, Signal } from '@gantry/api/runtime/v1/api';
import { type Engine, loadBusybox, startEngine, until } from './harness';
import { connectCri, containerNamed, type CriClient, criContext as ctx, podNamed } from './harness/cri';

const IMAGE = 'docker.io/library/busybox:latest';
const heeding = (signal: string, code: number): string => `trap "exit ${code}" ${signal}; touch /up; sleep 1000 & wait`;

/** What each container runs, and how kubelet is to be told that it ended. */
const CASES = {
  heeding: { script: heeding('TERM', 3), end: { exitCode: 3, reason: 'Error' } },
  well: { script: heeding('TERM', 0), end: { exitCode: 0, reason: 'Completed' } },
  own: { script: heeding('USR1', 4), stopSignal: Signal.SIGNAL_SIGUSR1, end: { exitCode: 4, reason: 'Error' } },
  deaf: { script: 'trap "" TERM; touch /up; exec sleep 1000', end: { exitCode: 137, reason: 'Error' } },
} as const;

/** A systemd beside which the engine runs: no more of it than what tells whether the system goes down. */
class Systemd {
  private readonly folder = mkdtempSync(join(tmpdir(), 'gantry-systemd-'));
  readonly environment = { PATH: `${this.folder}:${process.env['PATH'] ?? ''}` };
  /** systemd's folder is there in the mount namespace of the engine alone. */
  readonly within = [
    ...['unshare', '--mount', '--propagation', 'slave', '/bin/sh', '-ec'],
    'mkdir -p /run/systemd; mount -t tmpfs -o mode=0755 tmpfs /run/systemd; mkdir /run/systemd/system; exec "$@"',
    'systemd',
  ];

  constructor() {
    const program = join(this.folder, 'systemctl');
    writeFileSync(program, `#!/bin/sh\ncat ${this.folder}/state\n`);
    chmodSync(program, 0o755);
    this.says('running');
  }

  says(state: string): void {
    writeFileSync(join(this.folder, 'state'), `${state}\n`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

describe('a host that goes down in order', () => {
  const systemd = new Systemd();
  let engine: Engine | undefined;
  let cri: CriClient | undefined;
  afterAll(async () => {
    cri?.close();
    systemd.says('running');
    await engine?.destroy();
    systemd.remove();
  }, 120_000);

  const reach = (host: Engine): CriClient => {
    cri?.close();
    return (cri = connectCri(`${host.run}/cri.sock`));
  };

  test('has containers of pods and of docker end by their signals, and told as they ended', async () => {
    const { within, environment } = systemd;
    const host = (engine = await startEngine('gantry', {
      within,
      environment,
      config: { network: 'cni:\n  conf-directory: /nonexistent\n' },
    }));
    await loadBusybox(host);
    await host.docker(['save', '-o', `${host.root}/box.tar`, 'busybox']);
    await host.onHost('ctr', ['-a', `${host.run}/supervisor.sock`, '-n', 'k8s.io', 'images', 'import', `${host.root}/box.tar`]);
    let { runtime } = reach(host);
    const sandboxConfig = podNamed('web');
    const { podSandboxId } = await runtime.runPodSandbox(ctx, { config: sandboxConfig, runtimeHandler: '' });
    const ids = new Map<string, string>();
    for (const [name, { script, ...given }] of Object.entries(CASES)) {
      const config = containerNamed(name, IMAGE, {
        command: ['sh', '-c', script],
        ...('stopSignal' in given ? { stopSignal: given.stopSignal } : {}),
      });
      const { containerId } = await runtime.createContainer(ctx, { podSandboxId, config, sandboxConfig });
      await runtime.startContainer(ctx, { containerId });
      ids.set(name, containerId);
    }
    expect((await host.docker(['run', '-d', '--init', '--name', 'told', 'busybox', 'sleep', '1000'])).code).toBe(0);
    for (const containerId of ids.values())
      await until(
        'it to have begun',
        async () => (await runtime.execSync(ctx, { containerId, cmd: ['test', '-e', '/up'], timeout: 10n })).exitCode === 0,
      );
    const statuses = async () => {
      const told = [...ids].map(async ([name, containerId]) => {
        const { status } = await runtime.containerStatus(ctx, { containerId, verbose: false });
        return [name, status] as const;
      });
      return new Map(await Promise.all(told));
    };

    // An engine that is stopped while the host stays leaves them alone.
    await host.halt();
    await host.start();
    ({ runtime } = reach(host));
    for (const status of (await statuses()).values()) expect(status?.state).toBe(ContainerState.CONTAINER_RUNNING);

    systemd.says('stopping');
    await host.reboot();
    const down = BigInt(Date.now()) * 1_000_000n;
    systemd.says('running');
    await host.start();
    ({ runtime } = reach(host));
    expect((await runtime.podSandboxStatus(ctx, { podSandboxId, verbose: false })).status?.state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    const after = await statuses();
    for (const [name, { end }] of Object.entries(CASES)) {
      const status = after.get(name);
      expect({ name, ...status }).toMatchObject({ name, state: ContainerState.CONTAINER_EXITED, ...end });
      expect(status?.finishedAt ?? 0n).toBeGreaterThan(status?.startedAt ?? 0n);
      expect(status?.finishedAt ?? 0n).toBeLessThan(down);
    }
    expect((await host.docker(['ps', '-a', '--filter', 'name=told', '--format', '{{.Status}}'])).stdout).toMatch(/^Exited \(143\) /);
    await runtime.removePodSandbox(ctx, { podSandboxId });
    expect((await runtime.listContainers(ctx, { filter: undefined })).containers).toEqual([]);
  }, 240_000);
});
