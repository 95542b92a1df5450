import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { buildSync } from 'esbuild';
import { packAny } from '@gantry/api';
import { Options } from '@gantry/api/containerd/runc/v1/runc';
import { DeleteResponse, TaskService as TaskServiceV2 } from '@gantry/api/containerd/task/v2/shim';
import { TaskService } from '@gantry/api/containerd/task/v3/shim';
import { RuntimeInfo } from '@gantry/api/containerd/types/types';
import { Any } from '@gantry/api/google/protobuf/any';
import type { Spec } from '@gantry/oci';
import { EventsService } from '@gantry/api/containerd/services/events/ttrpc/v1/events';
import { connect, connectTtrpc, createTtrpcServer, newContext, type TtrpcServer } from '@gantry/rpc';
import { eventually, nativeBinary, repository, ShimFixture } from '../testing/shim-fixture';
import { answerLine } from './caller';
import { readInvocation } from './config';
import { namespaceSockets, placesOf } from './places';
import { Tenancy } from './tenancy';

/** The binary as containerd runs it, with a stand-in for containerd that takes events. */
describe('containerd-shim-gantry-v2', () => {
  const folder = join(tmpdir(), `gantry-test-${process.pid}-cs`);
  beforeAll(() => mkdirSync(folder));
  const address = join(folder, 'containerd.sock');
  const places = placesOf(address);
  const bundleFile = join(repository, 'node_modules/.cache/gantry', `containerd-shim-${process.pid}.cjs`);
  const topics: string[] = [];
  let containerd: TtrpcServer;
  let fixture: ShimFixture;
  let next = 0;

  beforeAll(async () => {
    nativeBinary();
    mkdirSync(join(repository, 'node_modules/.cache/gantry'), { recursive: true });
    buildSync({
      entryPoints: [join(__dirname, 'main.ts')],
      bundle: true,
      platform: 'node',
      target: 'node24',
      external: ['koffi'],
      logLevel: 'error',
      outfile: bundleFile,
    });
    fixture = new ShimFixture();
    containerd = createTtrpcServer({ logger: { info() {}, warn() {}, error() {}, debug() {} } as never });
    containerd.addService(EventsService, {
      forward: async (_ctx, { envelope }) => (topics.push(`${envelope?.namespace} ${envelope?.topic}`), {}),
    });
    await containerd.listen(`${address}.ttrpc`);
  }, 120_000);
  afterAll(async () => {
    await containerd.stop();
    await fixture.remove();
    rmSync(places.run, { recursive: true, force: true });
    rmSync(folder, { recursive: true });
    rmSync(bundleFile);
  });

  beforeEach(() => void topics.splice(0));

  /** A containerd of some version, which is what `--version` of its program says. */
  const publisher = (version: string, script = ''): string => {
    const path = join(folder, `containerd-${version}`);
    writeFileSync(
      path,
      `#!/bin/sh\n[ "$1" = --version ] && { echo "containerd example.org/containerd v${version} 123abc"; exit; }\n${script}\n`,
    );
    chmodSync(path, 0o755);
    return path;
  };
  const bundle = (): { id: string; path: string } => {
    const id = `c${next++}`;
    const path = join(folder, 'bundles', id);
    mkdirSync(path, { recursive: true });
    writeFileSync(
      join(path, 'config.json'),
      JSON.stringify({ ...fixture.spec(id, { args: ['sh', '-c', 'sleep 0.2; exit 5'] }), root: { path: join(fixture.dir, 'base') } }),
    );
    return { id, path };
  };
  const call = (
    action: string,
    { id, path }: { id: string; path: string },
    binary: string,
    environment: Record<string, string>,
    input: string | undefined = '',
  ): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const child = execFile(
        process.execPath,
        [
          bundleFile,
          '-namespace',
          'testing',
          '-address',
          address,
          '-publish-binary',
          binary,
          '-id',
          id,
          ...(action === 'delete' ? ['-bundle', path] : []),
          action,
        ],
        { cwd: path, env: { PATH: process.env['PATH'] ?? '', ...environment }, encoding: 'buffer', timeout: 60_000 },
        (error, stdout, stderr) => (error ? reject(new Error(stderr.toString() || error.message)) : resolve(stdout)),
      );
      child.stdin?.end(input);
    });
  const ttrpc = { TTRPC_ADDRESS: `${address}.ttrpc` };
  const create = ({ id, path }: { id: string; path: string }) => ({
    id,
    bundle: path,
    rootfs: [],
    terminal: false,
    stdin: '',
    stdout: '',
    stderr: '',
    checkpoint: '',
    parentCheckpoint: '',
    options: undefined,
  });
  const gone = () => eventually(() => !existsSync(places.run), 'the shim to leave');
  const ctx = newContext({ namespace: 'testing' });

  test('containerd 1.x gets a plain address and Task v2 over ttrpc', async () => {
    const one = bundle();
    const answer = (await call('start', one, publisher('1.7.24'), { ...ttrpc, GRPC_ADDRESS: address, MAX_SHIM_VERSION: '2' })).toString();
    expect(answer).toMatch(/^unix:\/\/\/\S+\.ttrpc$/);
    expect(readFileSync(join(one.path, 'address'), 'utf8')).toBe(answer);
    const connection = await connectTtrpc(answer);
    const tasks = connection.client(TaskServiceV2);
    const { pid } = await tasks.create(newContext({ namespace: 'testing' }), create(one));
    await tasks.start(newContext({ namespace: 'testing' }), { id: one.id, execId: '' });
    expect((await tasks.connect(newContext({ namespace: 'testing' }), { id: one.id })).taskPid).toBe(pid);
    expect((await tasks.wait(newContext({ namespace: 'testing' }), { id: one.id, execId: '' })).exitStatus).toBe(5);
    await tasks.delete(newContext({ namespace: 'testing' }), { id: one.id, execId: '' });
    await tasks.shutdown(newContext({ namespace: 'testing' }), { id: one.id, now: false });
    connection.close();
    await gone();
    expect(topics.splice(0)).toEqual(['create', 'start', 'exit', 'delete'].map((topic) => `testing /tasks/${topic}`));
  }, 120_000);

  test.each([
    ['containerd 2, told by its version', '2.1.4', { GRPC_ADDRESS: 'x', MAX_SHIM_VERSION: '2' }, ''],
    ['a caller that knows version 3', '1.7.24', { GRPC_ADDRESS: 'x', MAX_SHIM_VERSION: '3' }, ''],
    ['a containerd that writes its parameters', '1.7.24', {}, '{"id":"x"}'],
  ])(
    '%s gets bootstrap parameters and Task v3',
    async (_name, version, environment, input) => {
      const one = bundle();
      const answer = (await call('start', one, publisher(version), { ...ttrpc, ...environment }, input)).toString();
      const { address: url, ...rest } = JSON.parse(answer) as { address: string };
      expect(rest).toEqual({ version: 3, protocol: 'ttrpc' });
      const connection = await connectTtrpc(url);
      const tasks = connection.client(TaskService);
      // Where the configuration asks for it, containerd is told gRPC: a path, which it dials as it stands.
      const sockets = namespaceSockets(places, 'testing');
      expect(JSON.parse(answerLine('bootstrap', sockets, 'grpc'))).toEqual({ version: 3, address: sockets.grpc, protocol: 'grpc' });
      const grpc = connect(sockets.grpc);
      const testing = newContext({ namespace: 'testing' });
      await tasks.create(testing, create(one));
      expect((await grpc.client(TaskService).connect(testing, { id: one.id })).version).toBe('3');
      grpc.close();
      await tasks.start(testing, { id: one.id, execId: '' });
      expect((await tasks.wait(testing, { id: one.id, execId: '' })).exitStatus).toBe(5);
      await tasks.delete(testing, { id: one.id, execId: '' });
      await tasks.shutdown(testing, { id: one.id, now: false });
      connection.close();
      await gone();
    },
    120_000,
  );

  test('Shutdown ends nothing while a start is on its way', async () => {
    const [one, two] = [bundle(), bundle()];
    const answer = (await call('start', one, publisher('1.6.20'), ttrpc)).toString();
    expect((await call('start', two, publisher('1.6.20'), ttrpc)).toString()).toBe(answer);
    const connection = await connectTtrpc(answer);
    await connection.client(TaskServiceV2).shutdown(ctx, { id: one.id, now: true });
    expect((await connection.client(TaskServiceV2).connect(ctx, { id: '' })).shimPid).toBeGreaterThan(0);
    await connection.client(TaskServiceV2).shutdown(ctx, { id: two.id, now: false });
    connection.close();
    await gone();
  }, 120_000);

  test("without a ttrpc address events go through containerd's own program", async () => {
    const one = bundle();
    const told = join(folder, 'told');
    const answer = (await call('start', one, publisher('1.6.21', `echo "$@" >> ${told}; cat > /dev/null`), {})).toString();
    const connection = await connectTtrpc(answer);
    const testing = newContext({ namespace: 'testing' });
    await connection.client(TaskServiceV2).create(testing, create(one));
    await eventually(() => existsSync(told) && readFileSync(told, 'utf8').includes('publish'), 'the event');
    expect(readFileSync(told, 'utf8')).toBe(`--address ${address} publish --topic /tasks/create --namespace testing\n`);
    await connection.client(TaskServiceV2).delete(testing, { id: one.id, execId: '' });
    await connection.client(TaskServiceV2).shutdown(testing, { id: one.id, now: false });
    connection.close();
    await gone();
  }, 120_000);

  test('delete after kill -9 kills the container and answers its end; of nothing it starts nothing', async () => {
    const one = bundle();
    writeFileSync(join(one.path, 'config.json'), readFileSync(join(one.path, 'config.json'), 'utf8').replace('sleep 0.2', 'sleep 600'));
    const binary = publisher('1.6.20');
    const connection = await connectTtrpc((await call('start', one, binary, ttrpc)).toString());
    const tasks = connection.client(TaskServiceV2);
    const { pid } = await tasks.create(newContext({ namespace: 'testing' }), create(one));
    await tasks.start(newContext({ namespace: 'testing' }), { id: one.id, execId: '' });
    const { shimPid } = await tasks.connect(newContext({ namespace: 'testing' }), { id: one.id });
    process.kill(shimPid, 'SIGKILL');
    await connection.closed;
    expect(existsSync(`/proc/${pid}/root/bin`)).toBe(true);
    const answer = DeleteResponse.decode(await call('delete', one, binary, ttrpc));
    expect(answer).toMatchObject({ pid, exitStatus: 137 });
    expect(existsSync(`/proc/${pid}/root/bin`)).toBe(false);
    await gone();
    expect(DeleteResponse.decode(await call('delete', one, binary, ttrpc)).pid).toBe(0);
    expect(existsSync(places.run)).toBe(false);
  }, 120_000);

  test('-info tells name, version and the features of the runtime that the options choose', () => {
    const runc = join(folder, 'runc-like');
    writeFileSync(runc, `#!/bin/sh\n[ "$*" = features ] && echo '{"mountOptions":["rro"]}'\n`, { mode: 0o755 });
    const options = packAny(Options, Options.fromPartial({ binaryName: runc }));
    const { stdout } = spawnSync(process.execPath, [bundleFile, '-info'], { input: Any.encode(options).finish() });
    const info = RuntimeInfo.decode(stdout);
    expect(info).toMatchObject({ name: 'io.containerd.gantry.v2', options });
    expect(JSON.parse(info.features?.value.toString() ?? '')).toEqual({ mountOptions: ['rro'] });
  });

  test('what a runtime refuses is told in its words and without a code', async () => {
    const one = bundle();
    const spec = JSON.parse(readFileSync(join(one.path, 'config.json'), 'utf8')) as Spec;
    writeFileSync(join(one.path, 'config.json'), JSON.stringify({ ...spec, process: { ...spec.process, args: ['/no/such'] } }));
    const connection = await connectTtrpc((await call('start', one, publisher('1.7.24'), { ...ttrpc, GRPC_ADDRESS: address })).toString());
    const tasks = connection.client(TaskServiceV2);
    const failing = tasks.create(ctx, create(one)).then(() => tasks.start(ctx, { id: one.id, execId: '' }));
    await expect(failing).rejects.toMatchObject({
      kind: 'unknown',
      message: expect.stringMatching(
        /^OCI runtime (create|start) failed: runc (create|start) failed: unable to start container process: exec: "\/no\/such": .*no such file or directory$/,
      ) as string,
    });
    await tasks.delete(ctx, { id: one.id, execId: '' }).catch(() => undefined);
    await tasks.shutdown(ctx, { id: one.id, now: false });
    connection.close();
    await gone();
  });

  test('flags are those of Go; what is not known is refused by name', () => {
    expect(
      readInvocation(['-namespace', 'n', '--id=x', '-debug', '-address', '/a', 'start'], { TTRPC_ADDRESS: '/t', MAX_SHIM_VERSION: '2' }),
    ).toMatchObject({ action: 'start', namespace: 'n', id: 'x', debug: true, address: '/a', ttrpcAddress: '/t', maxVersion: 2 });
    expect(() => readInvocation(['-bogus', 'start'], {})).toThrow('unknown flag -bogus');
    expect(() => readInvocation(['stop'], {})).toThrow('action "stop"');
    expect(spawnSync(process.execPath, [bundleFile, '-v'], { encoding: 'utf8' }).stdout).toContain('containerd-shim-gantry-v2');
  });

  test('a shim that leaves takes no more tasks', () => {
    let left = 0;
    const tenancy = new Tenancy(
      () => 0,
      () => left++,
    );
    expect(tenancy.expect('n', 'a')).toBe(true);
    tenancy.look();
    expect(left).toBe(0);
    tenancy.met('n', 'a');
    tenancy.look();
    tenancy.look();
    expect(left).toBe(1);
    expect(tenancy.expect('n', 'b')).toBe(false);
    tenancy.stop();
  });
});
