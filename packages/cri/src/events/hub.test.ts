import { wallMicros } from '@gantry/api';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { ContainerConfig, ContainerState, PodSandboxConfig } from '@gantry/api/runtime/v1/api';
import { type Logger, newContext, notFound } from '@gantry/rpc';
import { extensionsOf as containerExtensions } from '../containers/record';
import { Members } from '../members';
import { extensionsOf as podExtensions } from '../sandboxes/pod';
import type { Services } from '../services';
import { EventHub } from './hub';

/** Containers of a pod in order of creation, by what their tasks and records say of them. */
function hubOf(
  containers: readonly { readonly id: string; readonly status?: Status; readonly ended?: number }[],
  looked: () => void,
): EventHub {
  const config = PodSandboxConfig.fromPartial({ metadata: { name: 'p', uid: 'u' } });
  const facts = { podId: 'pod', imageId: '', imageRef: '', user: { uid: 0, gid: 0, groups: [] }, logPath: '', stopSignal: 15 };
  const services = {
    sandboxes: {
      list: async () => ({ list: [{ sandboxId: 'pod', extensions: podExtensions({ config, facts: { runtimeHandler: '', ips: [] } }) }] }),
    },
    controller: { status: async () => ({ state: 'SANDBOX_READY', pid: 1 }) },
    containers: {
      get: async (_ctx: unknown, { id }: { id: string }) => {
        looked();
        const at = containers.findIndex((one) => one.id === id);
        const ended = containers[at]?.ended;
        return {
          container: {
            id,
            createdAt: { seconds: BigInt(at), nanos: 0 },
            extensions: containerExtensions({
              config: ContainerConfig.fromPartial({ metadata: { name: 'c', attempt: at } }),
              facts: {
                ...facts,
                startedAt: '1',
                ...(ended === undefined ? {} : { ended: { code: ended, at: '2', reason: 'Error', message: '' } }),
              },
            }),
          },
        };
      },
    },
    tasks: {
      get: async (_ctx: unknown, { containerId }: { containerId: string }) => {
        const status = containers.find(({ id }) => id === containerId)?.status;
        if (status === undefined) throw notFound('no task');
        return { process: { status } };
      },
    },
  };
  const members = new Members();
  for (const { id } of containers) members.add('pod', id);
  return new EventHub({ services: services as unknown as Services, members }, { warn: () => undefined } as unknown as Logger);
}

const ctx = newContext({ namespace: 'k8s.io' });
const nothing = (): void => undefined;

test('the newest container of a pod is told first: kubelet takes the first of a name', async () => {
  const hub = hubOf(
    [
      { id: 'old', ended: 7 },
      { id: 'mid', ended: 1 },
      { id: 'new', status: Status.RUNNING },
    ],
    nothing,
  );
  const { containersStatuses } = await hub.ofPod(ctx, 'pod');
  expect(containersStatuses.map(({ id, state, exitCode }) => [id, state, exitCode])).toEqual([
    ['new', ContainerState.CONTAINER_RUNNING, 0],
    ['mid', ContainerState.CONTAINER_EXITED, 1],
    ['old', ContainerState.CONTAINER_EXITED, 7],
  ]);
});

test('one whose end is not written yet has not ended well', async () => {
  const { containersStatuses } = await hubOf([{ id: 'a', status: Status.STOPPED }], nothing).ofPod(ctx, 'pod');
  expect(containersStatuses[0]?.state).toBe(ContainerState.CONTAINER_RUNNING);
});

test('the time is that before the first look', async () => {
  let looked = 0n;
  const hub = hubOf([{ id: 'one' }], () => {
    looked = BigInt(wallMicros()) * 1000n;
    while (BigInt(wallMicros()) * 1000n === looked); // so that a later time is another one
  });
  expect((await hub.ofPod(ctx, 'pod')).createdAt).toBeLessThanOrEqual(looked);
});
