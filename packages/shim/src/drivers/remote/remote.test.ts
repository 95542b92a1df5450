import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packAny } from '@gantry/api';
import { TaskExit, TaskOOM } from '@gantry/api/containerd/events/events';
import { Any } from '@gantry/api/google/protobuf/any';
import { silentLogger, type TtrpcServer } from '@gantry/rpc';
import { nativeBinary } from '../../testing/shim-fixture';
import { parseBootstrap } from './bootstrap';
import { publisherPath, writePublisher } from './publisher';
import { eventsServer } from './task-events';

test('the answer of start is an address, or JSON with version and protocol', () => {
  expect(parseBootstrap('unix:///run/x\n')).toEqual({ address: 'unix:///run/x', protocol: 'ttrpc', version: 2 });
  expect(parseBootstrap('warning: something\n{"version":3,"address":"unix:///run/x","protocol":"grpc"}\n')).toEqual({
    address: 'unix:///run/x',
    protocol: 'grpc',
    version: 3,
  });
  expect(() => parseBootstrap('')).toThrow('no address');
  expect(() => parseBootstrap('{"version":4,"address":"x","protocol":"ttrpc"}')).toThrow('version 4');
  expect(() => parseBootstrap('{"version":3,"address":"x","protocol":"vsock"}')).toThrow('protocol "vsock"');
  expect(() => parseBootstrap('{"version":3,"protocol":"ttrpc"}')).toThrow('no address');
  expect(() => parseBootstrap('{broken')).toThrow('no JSON');
});

describe('events of shims', () => {
  let dir: string;
  const told: string[] = [];
  let server: TtrpcServer;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "gantry-it's-"));
    mkdirSync(join(dir, 'shim'));
    server = eventsServer(silentLogger, (namespace, id) => told.push(`${namespace}/${id}`));
    await server.listen(join(dir, 'events'));
    writePublisher(dir, nativeBinary(), join(dir, 'events'));
  });
  afterAll(async () => {
    await server.stop(100);
    rmSync(dir, { recursive: true });
  });

  const publish = (topic: string, event: Any): Promise<number | null> => {
    const child = spawn(publisherPath(dir), ['--address', '/elsewhere', 'publish', '--topic', topic, '--namespace', 'moby'], {
      stdio: ['pipe', 'inherit', 'ignore'],
    });
    child.stdin.end(Buffer.from(Any.encode(event).finish()));
    return new Promise((resolve) => child.once('exit', resolve));
  };

  test('an OOM kill is taken from the publish binary; other events are heard and passed over', async () => {
    expect(await publish('/tasks/oom', packAny(TaskOOM, { containerId: 'c1' }))).toBe(0);
    expect(await publish('/tasks/exit', packAny(TaskExit, TaskExit.fromPartial({ containerId: 'c2' })))).toBe(0);
    expect(told).toEqual(['moby/c1']);
  });

  test('bytes that are no event are refused; a publisher without a server, or with half a command line, says so', async () => {
    expect(await publish('/tasks/oom', { typeUrl: 'containerd.events.TaskOOM', value: Buffer.from([0xff]) })).toBe(1);
    const native = (...args: string[]): number | null =>
      spawnSync(nativeBinary(), ['publish', join(dir, 'none'), ...args], { input: '', stdio: ['pipe', 'ignore', 'ignore'] }).status;
    expect(native('publish', '--topic', 't', '--namespace', 'n')).toBe(1);
    expect(native('publish')).toBe(2);
  });
});
