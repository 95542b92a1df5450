import { Container } from '@gantry/api/containerd/services/containers/v1/containers';
import { ContainerConfig } from '@gantry/api/runtime/v1/api';
import { newContext, notFound } from '@gantry/rpc';
import { KnownContainers, watched } from './known';
import { type ContainerFacts, extensionsOf } from './record';

const ctx = newContext();

/** Records with a podId that says which writing it is, and what was asked of them. */
function setUp() {
  const records = new Map<string, Container>();
  const asked: string[] = [];
  let gate: Promise<void> = Promise.resolve();
  const facts = (podId: string) => ({ podId }) as unknown as ContainerFacts;
  const put = (id: string, podId: string): void =>
    void records.set(
      id,
      Container.fromPartial({ id, image: 'box', extensions: extensionsOf({ config: ContainerConfig.create(), facts: facts(podId) }) }),
    );
  const client = {
    list: async () => {
      asked.push('list');
      const containers = [...records.values()];
      await gate;
      return { containers };
    },
    get: async (_ctx: unknown, request: { id: string }) => {
      asked.push(`get ${request.id}`);
      const container = records.get(request.id);
      await gate;
      if (container === undefined) throw notFound('gone');
      return { container };
    },
    update: async (_ctx: unknown, { container }: { container: { id: string; image: string } }) => {
      put(container.id, container.image);
      return {};
    },
  };
  const known = new KnownContainers({ containers: client as never });
  const pods = async (): Promise<string[]> => (await known.list(ctx)).map(({ id: one, facts: { podId } }) => `${one[0]} ${podId}`);
  return { known, asked, put, records, pods, client, wait: (until: Promise<void>) => void (gate = until) };
}

test('while changes are heard of, only what has changed is read again', async () => {
  const { known, asked, put, records, pods } = setUp();
  put('a', 'one');
  put('b', 'one');
  known.hear();
  expect(await pods()).toEqual(['a one', 'b one']);
  expect(await pods()).toEqual(['a one', 'b one']);
  expect(asked).toEqual(['list']);
  put('a', 'two');
  put('c', 'two');
  records.delete('b');
  for (const id of ['a', 'b', 'c']) known.changed(id);
  expect(await pods()).toEqual(['a two', 'c two']);
  expect(asked.splice(1).sort()).toEqual(['get a', 'get b', 'get c']);
  expect((await known.list(ctx))[0]?.record.image).toBe('box');
});

test('while they are not, all are read each time, and again when they are heard of anew', async () => {
  const { known, asked, put, pods } = setUp();
  put('a', 'one');
  expect(await pods()).toEqual(['a one']);
  known.hear();
  await pods();
  known.forget();
  put('a', 'two');
  expect(await pods()).toEqual(['a two']);
  known.hear();
  put('a', 'three');
  expect(await pods()).toEqual(['a three']);
  expect(asked).toEqual(['list', 'list', 'list', 'list']);
});

test('a list that begins after a write has it, though another one is reading', async () => {
  const { known, put, pods, client, wait } = setUp();
  const writer = watched(client as never, (id) => known.changed(id));
  put('a', 'one');
  known.hear();
  await pods();
  known.changed('a');
  let open = (): void => undefined;
  wait(new Promise((resolve) => (open = resolve)));
  const early = pods();
  await new Promise((resolve) => setImmediate(resolve)); // it has asked for what is there now
  await writer.update(ctx, { container: Container.fromPartial({ id: 'a', image: 'two' }), updateMask: [] });
  const late = pods();
  open();
  await early;
  expect(await late).toEqual(['a two']);
});

test('what was asked for before changes were missed is not kept', async () => {
  const { known, put, pods, wait } = setUp();
  put('a', 'one');
  known.hear();
  let open = (): void => undefined;
  wait(new Promise((resolve) => (open = resolve)));
  const early = pods();
  await new Promise((resolve) => setImmediate(resolve));
  known.forget();
  put('a', 'two');
  known.hear();
  open();
  await early;
  expect(await pods()).toEqual(['a two']);
});

test('a failed read is made again', async () => {
  const { known, put, pods, client } = setUp();
  put('a', 'one');
  known.hear();
  await pods();
  put('a', 'two');
  known.changed('a');
  const { get } = client;
  client.get = () => Promise.reject(new Error('away'));
  await expect(pods()).rejects.toThrow('away');
  client.get = get;
  expect(await pods()).toEqual(['a two']);
});
