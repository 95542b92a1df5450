import { containerNamed, type CriClient, criContext as ctx, podNamed } from '../../../test-e2e/src/harness/cri';

export const WORKLOAD = 'docker.io/library/busybox:latest';

type Peer = { readonly cri: CriClient; readonly group: string };

export interface Started {
  readonly pod: string;
  readonly containers: readonly string[];
}

/** As kubelet does it: the pod, then each container made and started. */
export async function startPod({ cri, group }: Peer, name: string, containers = 1): Promise<Started> {
  const config = podNamed(name, { linux: { cgroupParent: `${group}/${name}` } });
  const { podSandboxId: pod } = await cri.runtime.runPodSandbox(ctx, { config, runtimeHandler: '' });
  const ids: string[] = [];
  for (let i = 0; i < containers; i++) {
    const wanted = containerNamed(`c${i}`, WORKLOAD, { command: WORK });
    const request = { podSandboxId: pod, config: wanted, sandboxConfig: config };
    const { containerId } = await cri.runtime.createContainer(ctx, request);
    await cri.runtime.startContainer(ctx, { containerId });
    ids.push(containerId);
  }
  return { pod, containers: ids };
}

/** What a container runs; also how its processes are told from the engine's. */
export const WORK: readonly string[] = ['sleep', '864001'];

/** As kubelet does it: containers stopped with grace and removed, then the pod. */
export async function endPod(cri: CriClient, { pod, containers }: Started): Promise<void> {
  for (const containerId of containers) {
    await cri.runtime.stopContainer(ctx, { containerId, timeout: 10n });
    await cri.runtime.removeContainer(ctx, { containerId });
  }
  await removePod(cri, pod);
}

export async function removePod(cri: CriClient, podSandboxId: string): Promise<void> {
  await cri.runtime.stopPodSandbox(ctx, { podSandboxId });
  await cri.runtime.removePodSandbox(ctx, { podSandboxId });
}

/** So many pods are made or ended at a time where that is not what is measured. */
const SIDE_BY_SIDE = 4;

export async function podsOf(peer: Peer, count: number, containers: number): Promise<Started[]> {
  const names = Array.from({ length: count }, (_, i) => `held${count}-${i}`);
  const pods: Started[] = [];
  await sideBySide(names, async (name) => void pods.push(await startPod(peer, name, containers)));
  return pods;
}

export const endPods = (cri: CriClient, pods: readonly Started[]): Promise<void> => sideBySide(pods, (pod) => endPod(cri, pod));

async function sideBySide<T>(all: readonly T[], action: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const work = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await action(one);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, work));
}
