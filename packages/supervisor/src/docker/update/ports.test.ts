import { StartRequest, UpdateRequest } from '@gantry/api/gantry/engine/v1/containers';
import { conflict, newContext, unavailable } from '@gantry/rpc';
import { createRequest, fakeEngine, type FakeEngine, FakeWorld } from '../../testing/fake-engine';
import { createContainer } from '../create/create';
import { inspectContainer } from '../inspect/inspect';
import { reconcile } from '../recover/reconcile';
import { startContainer } from '../start/start';
import { publishPorts, unpublishPorts } from './ports';
import { updateContainer } from './update';

let world: FakeWorld;
let engine: FakeEngine;

beforeEach(() => {
  world = new FakeWorld();
  engine = fakeEngine(world);
});
afterEach(() => {
  engine.life.restarter.stop();
  engine.stopPersisting();
  engine.records.close();
  world.destroy();
});

const ctx = newContext();
const bind = (HostPort: string, HostIp = '') => ({ items: [{ HostIp, HostPort }] });
const make = async (hostConfig: object = {}, config: object = {}): Promise<string> =>
  (await createContainer(engine, ctx, createRequest({ name: 'web', hostConfig, config }))).id;
const start = (id: string) => startContainer(engine, ctx, StartRequest.create({ id }));
const shown = async () => {
  const { container } = await inspectContainer(engine, ctx, { id: 'web', size: false });
  return {
    asked: container?.HostConfig?.PortBindings,
    all: container?.HostConfig?.PublishAllPorts,
    ports: container?.NetworkSettings?.Ports,
  };
};
const until = async (check: () => void): Promise<void> => {
  for (let tries = 0; ; tries++) {
    try {
      return check();
    } catch (error) {
      if (tries > 300) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
};

it('publishes and takes back on a container that runs, and tells', async () => {
  const id = await make({ PortBindings: { '80/tcp': bind('8080') } });
  await start(id);
  expect(await publishPorts(engine, ctx, { id: 'web', ports: { '80': bind('8081', '127.0.0.1'), '53/udp': { items: [] } } })).toMatchObject(
    {
      ports: { '53/udp': bind('32768', '0.0.0.0') },
    },
  );
  expect((await shown()).asked).toMatchObject({ '80/tcp': { items: [{ HostPort: '8080' }, { HostPort: '8081' }] }, '53/udp': bind('') });
  expect(world.published.get(id)).toEqual(['8080:80', '8081:80', '32768:53']);
  await unpublishPorts(engine, ctx, { id: 'web', ports: { '53/udp': bind('32768', '0.0.0.0'), '80/tcp': bind('8080') } });
  expect(await shown()).toMatchObject({ asked: { '80/tcp': bind('8081', '127.0.0.1') }, ports: { '80/tcp': bind('8081', '127.0.0.1') } });
  expect(Object.keys((await shown()).asked ?? {})).toEqual(['80/tcp']);
  expect(engine.told.slice(-2)).toEqual(['container publish web', 'container unpublish web']);
  expect(engine.journal.open()).toEqual([]);
});

it('is for the next start where the container does not run', async () => {
  const id = await make();
  await publishPorts(engine, ctx, { id, ports: { '80/tcp': bind('8080') } });
  await expect(publishPorts(engine, ctx, { id, ports: { '80/tcp': bind('8080') } })).rejects.toThrow(
    'Bind for 0.0.0.0:8080 failed: port is already allocated',
  );
  expect(world.published.size).toBe(0);
  await start(id);
  expect((await shown()).ports).toEqual({ '80/tcp': bind('8080', '0.0.0.0') });
});

it('writes -P out when one of its ports is taken back', async () => {
  const id = await make({ PublishAllPorts: true }, { ExposedPorts: { '80/tcp': {}, '81/tcp': {} } });
  await unpublishPorts(engine, ctx, { id, ports: { '81/tcp': { items: [] } } });
  expect(await shown()).toMatchObject({ asked: { '80/tcp': bind('') }, all: false });
});

it('refuses what makes no sense', async () => {
  const id = await make({ PortBindings: { '80/tcp': bind('8080') } });
  await expect(unpublishPorts(engine, ctx, { id, ports: { '81/tcp': { items: [] } } })).rejects.toMatchObject({
    kind: 'notFound',
    message: "No public port '81/tcp' published for web",
  });
  await expect(unpublishPorts(engine, ctx, { id, ports: { '80/tcp': bind('8081') } })).rejects.toMatchObject({ kind: 'notFound' });
  await expect(publishPorts(engine, ctx, { id, ports: { '80/tcp': bind('x') } })).rejects.toThrow('invalid port specification: "x"');
  await expect(publishPorts(engine, ctx, { id: 'nobody', ports: {} })).rejects.toMatchObject({ kind: 'notFound' });
  await createContainer(engine, newContext(), createRequest({ name: 'joined', hostConfig: { NetworkMode: 'container:web' } }));
  await expect(publishPorts(engine, ctx, { id: 'joined', ports: { '80/tcp': bind('1') } })).rejects.toThrow(
    'conflicting options: port publishing and the container type network mode',
  );
});

it('changes nothing when the network service refuses', async () => {
  const id = await make({ PortBindings: { '80/tcp': bind('8080') } });
  await start(id);
  world.failures.set('setPorts', conflict('port is already allocated'));
  await expect(publishPorts(engine, ctx, { id, ports: { '81/tcp': bind('9000') } })).rejects.toThrow('already allocated');
  expect((await shown()).asked).toEqual({ '80/tcp': bind('8080') });
  expect(engine.journal.open()).toEqual([]);
});

it('asks a network service again that went away', async () => {
  const id = await make();
  await start(id);
  world.failures.set('setPorts', unavailable('it died'));
  await publishPorts(engine, ctx, { id, ports: { '80/tcp': bind('8080') } });
  expect((await shown()).ports).toEqual({ '80/tcp': bind('8080', '0.0.0.0') });
});

it('is undone at the next start of the supervisor when it was cut short', async () => {
  const id = await make({ PortBindings: { '80/tcp': bind('8080') } });
  await start(id);
  const { end } = engine.journal;
  Object.assign(engine.journal, {
    end: () => {
      throw new Error('killed');
    },
  });
  await expect(publishPorts(engine, ctx, { id, ports: { '81/tcp': bind('9000') } })).rejects.toThrow('killed');
  expect(world.published.get(id)).toEqual(['8080:80', '9000:81']);
  Object.assign(engine.journal, { end });
  engine.records.close();
  engine = fakeEngine(world);
  await reconcile(engine);
  await until(() => expect(engine.journal.open()).toEqual([]));
  expect(world.published.get(id)).toEqual(['8080:80']);
  expect(await shown()).toMatchObject({ asked: { '80/tcp': bind('8080') }, ports: { '80/tcp': bind('8080', '0.0.0.0') } });
});

it('goes with an update of limits', async () => {
  const id = await make();
  await start(id);
  const request = UpdateRequest.fromPartial({ id, hostConfig: { Memory: 64n << 20n }, publish: { '80/tcp': bind('8080') } });
  await updateContainer(engine, ctx, request);
  const { docker } = engine.records.requireDocker(id);
  expect(docker.hostConfig).toMatchObject({ Memory: 64n << 20n, PortBindings: { '80/tcp': bind('8080') } });
  await updateContainer(engine, ctx, UpdateRequest.fromPartial({ id, hostConfig: {}, unpublish: { '80/tcp': { items: [] } } }));
  expect(engine.records.requireDocker(id).docker.ports).toEqual({});
});
