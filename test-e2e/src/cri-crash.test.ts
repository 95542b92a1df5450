import { ContainerState, PodSandboxState } from '@gantry/api/runtime/v1/api';
import { startEngine, until, startRegistry, type Engine, type Registry } from './harness';
import { connectCri, containerNamed, type CriClient, criContext as ctx, imageNamed, podNamed, pushBox } from './harness/cri';

const services = ['gantry-cri', 'gantry-supervisor', 'gantry-shim', 'gantry-images', 'gantry-network'] as const;

describe('pods live through the death of every service', () => {
  let engine: Engine;
  let registry: Registry | undefined;
  let cri: CriClient | undefined;
  let image: string;
  const pods: string[] = [];
  beforeAll(async () => {
    engine = await startEngine('gantry', { separate: true, config: { network: 'cni:\n  conf-directory: /nonexistent\n' } });
    registry = await startRegistry(engine);
    image = await pushBox(engine, registry);
    cri = connectCri(`${engine.run}/cri.sock`);
    await cri.images.pullImage(ctx, { image: imageNamed(image), auth: undefined, sandboxConfig: undefined });
  }, 120_000);
  afterAll(async () => {
    for (const podSandboxId of pods) await cri?.runtime.removePodSandbox(ctx, { podSandboxId });
    cri?.close();
    await registry?.stop();
    await engine.destroy();
  }, 180_000);

  test('none restarts, an address stays, and what ends meanwhile keeps its code, reason and time', async () => {
    const { runtime } = cri as CriClient;
    const { podSandboxId } = await runtime.runPodSandbox(ctx, { config: podNamed('crash'), runtimeHandler: '' });
    pods.push(podSandboxId);
    const started = async (name: string, script: string) => {
      const config = containerNamed(name, image, { command: ['sh', '-c', script] });
      const { containerId } = await runtime.createContainer(ctx, { podSandboxId, config, sandboxConfig: podNamed('crash') });
      await runtime.startContainer(ctx, { containerId });
      return containerId;
    };
    const lasting = await started('lasting', 'sleep 1000');
    const ending = await started('ending', 'while ! test -e /dev/shm/go; do sleep 0.1; done; sleep 1; exit 9');
    const look = async () => ({
      pod: (await runtime.podSandboxStatus(ctx, { podSandboxId, verbose: true })).info,
      ip: (await runtime.podSandboxStatus(ctx, { podSandboxId, verbose: false })).status?.network?.ip,
      lasting: (await runtime.containerStatus(ctx, { containerId: lasting, verbose: true })).info,
    });
    const before = await look();
    expect(before.ip).not.toBe('');
    await runtime.execSync(ctx, { containerId: lasting, cmd: ['touch', '/dev/shm/go'], timeout: 0n });
    const killed = services.flatMap((name) => engine.pids(name));
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    await until('the services to be back', () => services.every((name) => engine.pids(name).some((pid) => !killed.includes(pid))));
    const status = async () => (await runtime.containerStatus(ctx, { containerId: ending, verbose: false })).status;
    await until('the end', async () => (await status())?.state === ContainerState.CONTAINER_EXITED);
    const { exitCode, reason, startedAt = 0n, finishedAt = 0n } = (await status()) ?? {};
    expect({ exitCode, reason }).toEqual({ exitCode: 9, reason: 'Error' });
    expect(finishedAt - startedAt).toBeGreaterThan(1_000_000_000n);
    expect(await look()).toEqual(before);
    expect((await runtime.podSandboxStatus(ctx, { podSandboxId, verbose: false })).status?.state).toBe(PodSandboxState.SANDBOX_READY);
    await expect(runtime.runPodSandbox(ctx, { config: podNamed('crash'), runtimeHandler: '' })).rejects.toThrow('is reserved for');
  });

  test('what the kernel killed for its memory while gantry-cri was down is told so', async () => {
    const { runtime } = cri as CriClient;
    const { podSandboxId } = await runtime.runPodSandbox(ctx, { config: podNamed('oom'), runtimeHandler: '' });
    pods.push(podSandboxId);
    const linux = { resources: { memoryLimitInBytes: 16n * 1024n * 1024n } };
    const script = 'until test -e /dev/shm/go; do sleep 0.1; done; sleep 1; exec tail /dev/zero';
    const config = containerNamed('eater', image, { command: ['sh', '-c', script], linux });
    const { containerId } = await runtime.createContainer(ctx, { podSandboxId, config, sandboxConfig: podNamed('oom') });
    await runtime.startContainer(ctx, { containerId });
    await runtime.execSync(ctx, { containerId, cmd: ['touch', '/dev/shm/go'], timeout: 0n });
    const [pid = 0] = engine.pids('gantry-cri');
    process.kill(pid, 'SIGSTOP'); // it hears nothing, and dies without having heard
    try {
      const tasks = ['-a', `${engine.run}/supervisor.sock`, '-n', 'k8s.io', 'tasks', 'ls'];
      await until('the end', async () =>
        (await engine.onHost('ctr', tasks)).stdout.split('\n').some((line) => line.startsWith(containerId) && line.includes('STOPPED')),
      );
    } finally {
      process.kill(pid, 'SIGKILL');
    }
    await until('gantry-cri to be back', () => engine.pids('gantry-cri').some((other) => other !== pid));
    const status = async () => (await runtime.containerStatus(ctx, { containerId, verbose: false })).status;
    await until('the exit', async () => (await status())?.state === ContainerState.CONTAINER_EXITED);
    expect(await status()).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  }, 120_000);
});
