import { constants } from 'node:os';
import { timestampNow } from '@gantry/api';
import { Status } from '@gantry/api/containerd/v1/types/task';
import { ContainerConfig } from '@gantry/api/runtime/v1/api';
import { newContext, notFound } from '@gantry/rpc';
import type { Needs } from '../sandboxes/needs';
import { containedOf, type ContainerFacts, extensionsOf } from './record';
import { stopWithHost } from './with-host';

const { SIGTERM, SIGQUIT, SIGKILL } = constants.signals;
const ctx = newContext({ namespace: 'k8s.io' });

/** Containers whose processes end by the signals that they heed; how each has ended, by its record. */
function world(
  heeded: Readonly<Record<string, Partial<Record<number, number>>>>,
  facts: Readonly<Record<string, Partial<ContainerFacts>>> = {},
) {
  const records = new Map(
    Object.keys(heeded).map((id) => {
      const own = { startedAt: '1', podId: 'p', stopSignal: SIGTERM, ...facts[id] } as ContainerFacts;
      return [id, { id, extensions: extensionsOf({ config: ContainerConfig.create(), facts: own }) }];
    }),
  );
  const ends = new Map(Object.keys(heeded).map((id) => [id, Promise.withResolvers<number>()]));
  const codes = new Map<string, number>();
  const signals: Record<string, number[]> = {};
  const warned: string[] = [];
  const tasks = {
    async get(_ctx: unknown, { containerId }: { containerId: string }) {
      if (!heeded[containerId]) throw notFound('no task');
      const code = codes.get(containerId);
      return { process: { status: code === undefined ? Status.RUNNING : Status.STOPPED, exitStatus: code ?? 0, exitedAt: timestampNow() } };
    },
    async kill(_ctx: unknown, { containerId, signal }: { containerId: string; signal: number }) {
      (signals[containerId] ??= []).push(signal);
      const code = heeded[containerId]?.[signal];
      if (code === undefined) return;
      codes.set(containerId, code);
      ends.get(containerId)?.resolve(code);
    },
    wait: async (_ctx: unknown, { containerId }: { containerId: string }) => ends.get(containerId)?.promise,
    delete: async () => ({}),
  };
  const containers = {
    list: async () => ({ containers: [...records.values()] }),
    update: async (_ctx: unknown, { container }: { container: { id: string; extensions: never } }) =>
      void records.set(container.id, container),
  };
  const needs = {
    services: { tasks, containers },
    events: { sawOom: () => false, tellContainer: async () => undefined },
    logger: { warn: (_about: unknown, words: string) => warned.push(words) },
  } as unknown as Needs;
  const told = () =>
    Object.fromEntries(
      [...records].map(([id, record]) => {
        const ended = containedOf(record as never)?.facts.ended;
        return [id, ended && [ended.code, ended.reason]];
      }),
    );
  return { needs, told, signals, warned };
}

test('containers end with the host, each by its signal, what heeds none by SIGKILL, and it is written how', async () => {
  const { needs, told, signals, warned } = world(
    { well: { [SIGTERM]: 0 }, own: { [SIGQUIT]: 3 }, deaf: { [SIGKILL]: 137 } },
    { own: { stopSignal: SIGQUIT } },
  );
  await stopWithHost(needs, ctx, { graceMs: 20, goneMs: 5000 });
  expect(told()).toEqual({ well: [0, 'Completed'], own: [3, 'Error'], deaf: [137, 'Error'] });
  expect([signals['own']?.[0], signals['deaf'], warned]).toEqual([SIGQUIT, [SIGTERM, SIGKILL], []]);
});

test('what was not started and what has ended is left alone', async () => {
  const ended = { code: 5, at: '2', reason: 'Error', message: '' };
  const { needs, told, signals } = world({ made: {}, over: {} }, { made: { startedAt: '' }, over: { ended } });
  await stopWithHost(needs, ctx, { graceMs: 20, goneMs: 20 });
  expect([told(), signals]).toEqual([{ made: undefined, over: [5, 'Error'] }, {}]);
});

test('one that cannot be ended holds neither the others nor the host up', async () => {
  const { needs, told } = world({ stuck: {}, well: { [SIGTERM]: 0 } });
  await stopWithHost(needs, ctx, { graceMs: 20, goneMs: 20 });
  expect(told()).toEqual({ stuck: undefined, well: [0, 'Completed'] });
});
