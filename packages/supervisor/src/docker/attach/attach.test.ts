import { AttachRequest, StartRequest } from '@gantry/api/gantry/engine/v1/containers';
import { newContext } from '@gantry/rpc';
import { createContainer } from '../create/create';
import { monitorSocket } from '../../core/places';
import { startContainer } from '../start/start';
import { createRequest, fakeEngine, type FakeEngine, FakeWorld } from '../../testing/fake-engine';
import { attachContainer, attachReady } from './attach';

/** What a start waits for a client that has not come: see Lifecycle. */
const READY_MS = 2000;

let world: FakeWorld;
let engine: FakeEngine;
beforeEach(() => {
  world = new FakeWorld();
  engine = fakeEngine(world);
});
afterEach(() => {
  engine.records.close();
  world.destroy();
});

const request = (id: string): AttachRequest => AttachRequest.create({ id, stdout: true, stderr: true, stream: true });

it('hands the socket over between create and start, and starts only then', async () => {
  const { id } = await createContainer(engine, newContext(), createRequest());
  const attach = attachContainer(engine, newContext(), request(id));
  const registered = (await attach.next()).value as { attachId: string; registered: boolean; socket: string };
  expect(registered).toMatchObject({ registered: true, socket: '' });
  const order: string[] = [];
  const began = world.tasks.start;
  world.tasks.start = (ctx, start) => (order.push('start'), began(ctx, start));
  const starting = startContainer(engine, newContext(), StartRequest.create({ id }));
  expect((await attach.next()).value).toMatchObject({ socket: monitorSocket(engine, id) });
  await new Promise((resolve) => setTimeout(resolve, 30));
  order.push('ready');
  await attachReady(engine, newContext(), { attachId: registered.attachId });
  await starting;
  expect(order).toEqual(['ready', 'start']);
  const end = attach.next();
  engine.exit(id, 0);
  expect((await end).done).toBe(true);
});

it('does not wait for a client that has gone', async () => {
  const { id } = await createContainer(engine, newContext(), createRequest());
  const gone = new AbortController();
  const attach = attachContainer(engine, newContext({ signal: gone.signal }), request(id));
  await attach.next();
  gone.abort();
  const began = Date.now();
  await startContainer(engine, newContext(), StartRequest.create({ id }));
  expect(Date.now() - began).toBeLessThan(READY_MS);
  expect((await attach.next()).done).toBe(true);
});

it('ends with a start that fails', async () => {
  const { id } = await createContainer(engine, newContext(), createRequest());
  const attach = attachContainer(engine, newContext(), request(id));
  await attach.next();
  world.failures.set('connect', new Error('no network'));
  await expect(startContainer(engine, newContext(), StartRequest.create({ id }))).rejects.toThrow('no network');
  // The socket may have been handed over already: the stream ends all the same.
  for await (const _message of attach);
});

it("answers a running container's socket at once", async () => {
  const { id } = await createContainer(engine, newContext(), createRequest());
  await startContainer(engine, newContext(), StartRequest.create({ id }));
  const attach = attachContainer(engine, newContext(), request(id));
  expect((await attach.next()).value).toMatchObject({ socket: monitorSocket(engine, id) });
  await attach.return(undefined);
  await expect(attachReady(engine, newContext(), { attachId: 'nope' })).rejects.toThrow('no such attach: nope');
});

it('holds a thousand attaches that come and go without keeping them', async () => {
  const { id } = await createContainer(engine, newContext(), createRequest());
  for (let i = 0; i < 1000; i++) {
    const gone = new AbortController();
    const attach = attachContainer(engine, newContext({ signal: gone.signal }), request(id));
    await attach.next();
    gone.abort();
    await attach.return(undefined);
  }
  const began = Date.now();
  await startContainer(engine, newContext(), StartRequest.create({ id }));
  expect(Date.now() - began).toBeLessThan(READY_MS);
});
