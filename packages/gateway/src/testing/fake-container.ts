import { join } from 'node:path';
import { conflict, notFound, type StreamBroker } from '@gantry/rpc';
import {
  ContainerConfig,
  ContainerSummary,
  ContainerInspectResponse,
  ContainerState,
  HostConfig,
  NetworkSettings,
  SystemInfo,
  SystemVersion,
} from '@gantry/api/gantry/engine/v1/types';
import type { CreateRequest } from '@gantry/api/gantry/engine/v1/containers';
import type { FakeAnswers } from './fake-engine';
import { type FakeIo, FakeMonitor } from './fake-monitor';
import { frame } from '../streams/frames';

export interface FakeContainers extends FakeAnswers {
  /** Create requests as the engine got them. */
  readonly created: CreateRequest[];
  readonly monitors: FakeMonitor[];
}

/** One scripted container and one scripted exec, with the engine's order of attach, wait and start. */
export function fakeContainers(
  broker: StreamBroker,
  folder: string,
  run: (io: FakeIo) => Promise<number> | number,
  tty = false,
): FakeContainers {
  const id = 'c0ffee'.padEnd(64, '0');
  const monitor = new FakeMonitor(join(folder, 'mon'), { tty, run });
  const exec = new FakeMonitor(join(folder, 'exec'), { tty, run });
  const listening = Promise.all([monitor.listen(), exec.listen()]);
  const started = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<void>();
  const execReady = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<number>();
  const execExited = Promise.withResolvers<number>();
  let execCode: bigint | undefined;
  const created: CreateRequest[] = [];
  const need = (name: string): void => {
    if (name !== id && name !== 'box') throw notFound(`No such container: ${name}`);
  };
  return {
    created,
    monitors: [monitor, exec],
    containers: {
      create: async (_ctx, request) => {
        if (request.config?.Image === 'missing') throw notFound('No such image: missing:latest');
        if (request.name === 'taken')
          throw conflict(
            'Conflict. The container name "/taken" is already in use by container "x". You have to remove (or rename) that container to be able to reuse that name.',
          );
        created.push(request);
        return { id, warnings: [] };
      },
      async *attach(_ctx, request) {
        need(request.id);
        const message = { attachId: 'a1', tty, socket: '', logs: undefined, openStdin: true, registered: true, containerId: id };
        yield message;
        await started.promise;
        yield { ...message, registered: false, socket: monitor.path };
        await exited.promise;
      },
      attachReady: async () => {
        ready.resolve();
        return {};
      },
      async *wait(_ctx, request) {
        need(request.id);
        yield { registered: true, statusCode: 0n, error: '', containerId: id };
        yield { registered: false, statusCode: BigInt(await exited.promise), error: '', containerId: id };
      },
      start: async () => {
        await listening;
        started.resolve();
        await ready.promise;
        void monitor.start().then(exited.resolve);
        return {};
      },
      resize: async () => ({}),
      execResize: async () => ({}),
      remove: async () => ({}),
      kill: async () => ({}),
      stop: async () => ({}),
      logs: async () => ({
        ticket: broker.offer(async (socket) => {
          socket.end(tty ? 'logged\n' : frame(1, Buffer.from('logged\n')));
        }),
        tty,
        marked: false,
      }),
      inspect: async (_ctx, request) => {
        need(request.id);
        const container = ContainerInspectResponse.fromPartial({
          Id: id,
          Name: '/box',
          State: ContainerState.fromPartial({ Status: 'exited', ExitCode: 7n }),
          Config: ContainerConfig.fromPartial({ Tty: tty }),
          HostConfig: HostConfig.fromPartial({ MemorySwap: -1n, LogConfig: { Type: 'json-file', Config: {} } }),
          NetworkSettings: NetworkSettings.fromPartial({ Ports: { '80/tcp': { items: [] } } }),
        });
        return { container };
      },
      async *list() {
        const summary = ContainerSummary.fromPartial({
          Id: id,
          Names: ['/box'],
          Image: 'busybox',
          ImageID: 'sha256:1',
          Command: 'true',
          Created: 1700000000n,
          Ports: [{ IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' }],
          Labels: {},
          State: 'running',
          Mounts: [],
        });
        yield {
          containers: [
            {
              row: 1,
              summary: Buffer.from(ContainerSummary.encode(summary).finish()),
              status: 'Up 2 seconds',
              sizeRw: undefined,
              sizeRootFs: undefined,
            },
          ],
          known: 1,
          epoch: 'e',
        };
      },
      execCreate: async (_ctx, request) => {
        need(request.containerId);
        return { id: 'e1' };
      },
      async *execStart(_ctx, request) {
        await listening;
        if (request.detach) {
          yield { socket: '', tty, stdin: false, stdout: false, stderr: false, started: true, detachKeys: '' };
          return;
        }
        yield { socket: exec.path, tty, stdin: true, stdout: true, stderr: true, started: false, detachKeys: '' };
        await execReady.promise;
        void exec.start().then(execExited.resolve);
        yield { socket: '', tty, stdin: true, stdout: true, stderr: true, started: true, detachKeys: '' };
        const code = await execExited.promise;
        await new Promise((resolve) => setTimeout(resolve, 50)); // the exit is known after the last byte
        execCode = BigInt(code);
      },
      execReady: async () => {
        execReady.resolve();
        return {};
      },
      execInspect: async () => ({
        CanRemove: false,
        ContainerID: id,
        DetachKeys: '',
        ExitCode: execCode,
        ID: 'e1',
        OpenStderr: true,
        OpenStdin: true,
        OpenStdout: true,
        Pid: 5n,
        ProcessConfig: { privileged: false, user: '', tty, entrypoint: 'sh', arguments: [] },
        Running: execCode === undefined,
      }),
    },
    system: {
      getVersion: async () => ({
        version: SystemVersion.fromPartial({
          Version: '0.1.0',
          Os: 'linux',
          Arch: 'amd64',
          Platform: { Name: 'gantry' },
          Components: [{ Name: 'Engine', Version: '0.1.0' }],
        }),
      }),
      getInfo: async () => ({
        info: SystemInfo.fromPartial({
          ID: 'x',
          Containers: 1n,
          ServerVersion: '0.1.0',
          OSType: 'linux',
          Runtimes: { gantry: { path: 'gantry-runc' } },
          DefaultRuntime: 'gantry',
          NCPU: 2n,
          Driver: 'overlayfs',
          CgroupDriver: 'cgroupfs',
          CgroupVersion: '1',
        }),
      }),
      async *events() {
        yield { event: undefined, subscribed: true, position: 0n };
        yield {
          subscribed: false,
          position: 1n,
          event: {
            Type: 'container',
            Action: 'start',
            Actor: { ID: id, Attributes: { image: 'busybox', name: 'box' } },
            scope: 'local',
            time: 1700000000n,
            timeNano: 1700000000123456789n,
          },
        };
      },
    },
  };
}
