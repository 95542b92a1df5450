import { readFileSync } from 'node:fs';
import { ContainerState, PodSandboxState } from '@gantry/api/runtime/v1/api';
import { type Engine, loadBusybox, startEngine, until } from './harness';
import { connectCri, containerNamed, type CriClient, criContext as ctx, podNamed } from './harness/cri';

const IMAGE = 'docker.io/library/busybox:latest';

describe('pods after a power loss of the node', () => {
  let engine: Engine;
  let cri: CriClient | undefined;
  const reach = () => (cri = connectCri(`${engine.run}/cri.sock`));
  beforeAll(async () => {
    engine = await startEngine('gantry', { config: { network: 'cni:\n  conf-directory: /nonexistent\n' } });
    await loadBusybox(engine);
    await engine.docker(['save', '-o', `${engine.root}/box.tar`, 'busybox']);
    await engine.onHost('ctr', ['-a', `${engine.run}/supervisor.sock`, '-n', 'k8s.io', 'images', 'import', `${engine.root}/box.tar`]);
  }, 120_000);
  afterAll(async () => {
    cri?.close();
    await engine.destroy();
  }, 120_000);

  const make = async ({ runtime }: CriClient, attempt: number) => {
    const config = podNamed('web', { metadata: { name: 'web', uid: 'web-uid', namespace: 'default', attempt } });
    const { podSandboxId } = await runtime.runPodSandbox(ctx, { config, runtimeHandler: '' });
    const start = async (name: string, script: string) => {
      const change = { metadata: { name, attempt }, command: ['sh', '-c', script] };
      const request = { podSandboxId, config: containerNamed(name, IMAGE, change), sandboxConfig: config };
      const { containerId } = await runtime.createContainer(ctx, request);
      await runtime.startContainer(ctx, { containerId });
      return containerId;
    };
    return { podSandboxId, lasting: await start('lasting', 'sleep 1000'), ended: await start('ended', 'exit 5') };
  };

  test('they are not ready, their containers have exited, and kubelet makes them again', async () => {
    const { runtime } = reach();
    const { podSandboxId, lasting, ended } = await make(cri as CriClient, 0);
    const statusOf = async (client: CriClient, containerId: string) =>
      (await client.runtime.containerStatus(ctx, { containerId, verbose: false })).status;
    await until('its end', async () => (await statusOf(cri as CriClient, ended))?.state === ContainerState.CONTAINER_EXITED);
    const first = await statusOf(cri as CriClient, ended);
    expect((await runtime.podSandboxStatus(ctx, { podSandboxId, verbose: false })).status?.state).toBe(PodSandboxState.SANDBOX_READY);
    cri?.close();
    await engine.reboot();
    await engine.start();
    const after = reach();
    const { status: pod } = await after.runtime.podSandboxStatus(ctx, { podSandboxId, verbose: false });
    expect(pod?.state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    expect(await statusOf(after, ended)).toEqual(first);
    const cut = await statusOf(after, lasting);
    expect(cut).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 255, reason: 'Unknown' });
    expect(cut?.finishedAt ?? 0n).toBeGreaterThanOrEqual(cut?.startedAt ?? 1n);
    await after.runtime.stopPodSandbox(ctx, { podSandboxId });
    const again = await make(after, 1);
    expect((await statusOf(after, again.lasting))?.state).toBe(ContainerState.CONTAINER_RUNNING);
    for (const id of [podSandboxId, again.podSandboxId]) await after.runtime.removePodSandbox(ctx, { podSandboxId: id });
    expect((await after.runtime.listContainers(ctx, { filter: undefined })).containers).toEqual([]);
    expect((await after.runtime.listPodSandbox(ctx, { filter: undefined })).items).toEqual([]);
    const ids = [podSandboxId, lasting, ended, ...Object.values(again)];
    const left = async () => {
      const files = (await engine.onHost('find', [engine.folder])).stdout; // some go while it looks
      return [...files.split('\n'), ...readFileSync('/proc/self/mountinfo', 'utf8').split('\n')];
    };
    await until('nothing to be left', async () => !(await left()).some((text) => ids.some((id) => text.includes(id))));
  }, 120_000);
});
