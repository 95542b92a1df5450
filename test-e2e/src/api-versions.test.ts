import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dockerTakes, loadBusybox, startEngine, testWith, type Engine } from './harness';

const attesting = testWith('docker buildx with attestations', dockerTakes('--provenance', 'buildx', 'build'));

type Tree = Record<string, unknown>;

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** What versions above 1.51 say otherwise. There is no dockerd here that knows them: the API's descriptions and moby's source are the judge. */
describe('API 1.52 to 1.55', () => {
  let folder: string;
  let engine: Engine;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'gantry-e2e-versions-'));
    engine = await startEngine();
    await loadBusybox(engine);
  }, 180_000);
  afterAll(async () => {
    await engine.destroy();
    rmSync(folder, { recursive: true });
  }, 180_000);

  const call = (method: string, path: string, options: { body?: object; accept?: string } = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const { body, accept } = options;
      const headers = { ...(body && { 'content-type': 'application/json' }), ...(accept && { accept }) };
      const outgoing = request({ socketPath: engine.socket, method, path, headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, type: answer.headers['content-type'] ?? '', text }));
        answer.on('error', reject);
      });
      outgoing.on('error', reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  const get = async <T = Tree>(path: string): Promise<T> => JSON.parse((await call('GET', path)).text) as T;
  const create = async (version: string, name: string, body: Tree = {}): Promise<{ Id: string; Warnings: string[]; message?: string }> =>
    JSON.parse(
      (await call('POST', `/v${version}/containers/create?name=${name}`, { body: { Image: 'busybox', Cmd: ['sleep', '600'], ...body } }))
        .text,
    ) as { Id: string; Warnings: string[]; message?: string };
  const docker = async (...args: string[]): Promise<string> => {
    const result = await engine.docker(args);
    if (result.code !== 0) throw new Error(`docker ${args.join(' ')}: ${result.stderr}`);
    return result.stdout.trim();
  };
  const remove = (...names: string[]): Promise<string> => docker('rm', '-f', ...names);

  test('1.55 is told to everybody, and spoken without a version', async () => {
    expect(await get('/v1.24/version')).toMatchObject({ ApiVersion: '1.55', MinAPIVersion: '1.24' });
    expect((await call('GET', '/v1.56/info')).text).toMatch(/Maximum supported API version is 1\.55/);
    await create('1.55', 'plain');
    expect(await get('/containers/plain/json')).toHaveProperty('Storage');
    await remove('plain');
  });

  test('containers: storage, health, addresses, MAC address', async () => {
    const mac = '02:42:0a:00:00:77';
    expect((await create('1.52', 'refused', { MacAddress: mac })).message).toMatch(/^container-wide MAC address no longer supported/);
    const { Warnings } = await create('1.51', 'old', { MacAddress: mac });
    expect(Warnings).toEqual(['The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.']);
    await docker('start', 'old');
    const older = await get('/v1.51/containers/old/json');
    const newer = await get('/v1.52/containers/old/json');
    expect(older).toMatchObject({ Config: { MacAddress: mac, OnBuild: null }, NetworkSettings: { MacAddress: mac }, GraphDriver: {} });
    expect(newer).toMatchObject({ Storage: { RootFS: { Snapshot: { Name: expect.any(String) as string } } } });
    expect(newer).not.toHaveProperty('GraphDriver');
    expect(Object.keys(newer['NetworkSettings'] as Tree).sort()).toEqual(['Networks', 'Ports', 'SandboxID', 'SandboxKey']);
    expect(newer['Config']).not.toHaveProperty('MacAddress');
    expect(newer['Config']).not.toHaveProperty('OnBuild');
    const [listed] = await get<Tree[]>('/v1.52/containers/json');
    expect(listed).toMatchObject({ Health: { Status: 'none', FailingStreak: 0 } });
    expect((await get<Tree[]>('/v1.51/containers/json'))[0]).not.toHaveProperty('Health');
    expect(JSON.parse((await call('GET', '/v1.52/containers/old/stats?stream=0&one-shot=1')).text)).toMatchObject({ os_type: 'linux' });
    await remove('old');
  }, 60_000);

  test('an address that was asked for holds over restarts, of every network', async () => {
    await docker('network', 'create', 'lan');
    const EndpointsConfig = { bridge: { MacAddress: '02:42:0a:00:00:01' }, lan: { MacAddress: '02:42:0a:00:00:02' } };
    await create('1.51', 'two', { NetworkingConfig: { EndpointsConfig } });
    const addresses = (): Promise<string> => docker('exec', 'two', 'sh', '-c', 'cat /sys/class/net/eth*/address | sort');
    await docker('start', 'two');
    const before = await addresses();
    await docker('restart', '-t', '0', 'two');
    expect([before, await addresses()]).toEqual(Array(2).fill('02:42:0a:00:00:01\n02:42:0a:00:00:02'));
    await docker('network', 'disconnect', 'lan', 'two');
    for (const [version, kept] of [
      ['1.53', false],
      ['1.54', true],
    ] as const) {
      const EndpointConfig = { MacAddress: '02:42:0a:00:00:03' };
      expect((await call('POST', `/v${version}/networks/lan/connect`, { body: { Container: 'two', EndpointConfig } })).status).toBe(200);
      expect((await addresses()).includes('02:42:0a:00:00:03')).toBe(kept);
      await docker('network', 'disconnect', 'lan', 'two');
    }
    await remove('two');
    await docker('network', 'rm', 'lan');
  }, 60_000);

  test('networks: addresses in use and left', async () => {
    await docker('network', 'create', '--subnet', '10.99.0.0/24', '--ip-range', '10.99.0.128/25', 'counted');
    await docker('run', '-d', '--name', 'guest', '--network', 'counted', 'busybox', 'sleep', '600');
    // network, broadcast, gateway and the guest, of which three lie in the range
    expect(await get('/v1.52/networks/counted')).toMatchObject({
      Status: { IPAM: { Subnets: { '10.99.0.0/24': { IPsInUse: 4, DynamicIPsAvailable: 125 } } } },
    });
    expect(await get('/v1.51/networks/counted')).not.toHaveProperty('Status');
    const row = async (version: string) => (await get<Tree[]>(`/v${version}/networks`)).find(({ Name }) => Name === 'counted');
    expect(await row('1.51')).toHaveProperty('Containers', {});
    expect(await row('1.52')).not.toHaveProperty('Containers');
    await remove('guest');
    await docker('network', 'rm', 'counted');
  }, 60_000);

  test('an empty list of bindings is warned of, and published', async () => {
    const { Warnings } = await create('1.52', 'ports', { HostConfig: { PortBindings: { '80/tcp': [] } } });
    expect(Warnings).toEqual([
      'Following container port(s) have an empty list of port-bindings: 80/tcp. Such bindings will be discarded in a future version.',
    ]);
    await docker('start', 'ports');
    expect(await docker('port', 'ports', '80')).toMatch(/^0\.0\.0\.0:\d+/);
    await remove('ports');
  });

  test('events in lines and sequences, without what 1.22 took away', async () => {
    await create('1.52', 'seen');
    await remove('seen');
    const until = Math.ceil(Date.now() / 1000);
    const path = (version: string) => `/v${version}/events?since=1&until=${until}&filters=${encodeURIComponent('{"container":["seen"]}')}`;
    const ask = (version: string, accept: string) => call('GET', path(version), { accept });
    expect((await ask('1.51', 'application/json-seq')).type).toBe('application/json');
    expect((await ask('1.51', '')).text).toMatch(/^\{"status":"create"/);
    expect((await ask('1.52', '*/*')).type).toBe('application/jsonl');
    expect((await ask('1.52', 'application/x-ndjson')).type).toBe('application/x-ndjson');
    const sequence = await ask('1.52', 'application/json-seq, application/jsonl;q=0.5');
    expect(sequence.type).toBe('application/json-seq');
    const texts = sequence.text.split('\x1e');
    expect(texts.shift()).toBe('');
    expect(texts.map((text) => JSON.parse(text) as Tree).map(({ Action, status }) => [Action, status])).toEqual([
      ['create', undefined],
      ['destroy', undefined],
    ]);
  });

  test('disk usage in both forms', async () => {
    await create('1.52', 'idle');
    const old = await get('/v1.51/system/df');
    expect(Object.keys(old)).toEqual(['LayersSize', 'Images', 'Containers', 'Volumes', 'BuildCache']);
    const both = await get('/v1.55/system/df?type=container&type=image');
    expect(both).toMatchObject({
      Containers: [{ Names: ['/idle'] }],
      ContainerUsage: { TotalCount: 1 },
      ImageUsage: { ActiveCount: 1, TotalCount: 1, TotalSize: old['LayersSize'] },
    });
    expect(both).not.toHaveProperty('VolumeUsage');
    expect(both['ContainerUsage']).not.toHaveProperty('ActiveCount'); // none runs
    const verbose = await get('/v1.52/system/df?verbose=1');
    expect(Object.keys(verbose)).toEqual(['ImageUsage', 'ContainerUsage', 'VolumeUsage', 'BuildCacheUsage']);
    expect(verbose).toMatchObject({
      ContainerUsage: { Items: [{ Names: ['/idle'] }] },
      ImageUsage: { Items: [{ RepoTags: ['busybox:latest'] }] },
    });
    await remove('idle');
  });

  test('images: what is not set is not told', async () => {
    const older = await get('/v1.51/images/busybox/json');
    const newer = await get('/v1.52/images/busybox/json');
    for (const name of ['Parent', 'DockerVersion', 'GraphDriver']) {
      expect(older).toHaveProperty(name);
      expect(newer).not.toHaveProperty(name);
    }
    expect(older['Config']).toHaveProperty('OnBuild', null);
    expect(newer['Config']).not.toHaveProperty('OnBuild');
    expect((await call('GET', '/v1.54/images/json?identity=1')).text).toMatch(/conflicting options: identity requires manifests=1/);
    expect(await get('/v1.55/images/busybox/attestations')).toEqual([]);
    expect((await call('GET', '/v1.55/images/nobody/attestations')).status).toBe(404);
  });

  attesting(
    'images: where they are from, and what is attested of them',
    async () => {
      writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox\nLABEL built=here\n');
      await docker('buildx', 'build', '--provenance=mode=min', '-t', 'attested', folder);
      const built = await get('/v1.53/images/attested/json');
      expect(built['Identity']).toMatchObject({
        Build: [{ Ref: expect.stringMatching(/^\w+$/) as string, CreatedAt: expect.stringMatching(/^20/) as string }],
      });
      expect(await get('/v1.52/images/attested/json')).not.toHaveProperty('Identity');
      const [row] = await get<{ Manifests: { ImageData?: Tree }[] }[]>(
        `/v1.54/images/json?manifests=1&identity=1&filters=${encodeURIComponent('{"reference":["attested"]}')}`,
      );
      expect(row?.Manifests[0]?.ImageData?.['Identity']).toEqual(built['Identity']);

      type Statements = { Descriptor: { mediaType: string; digest: string }; PredicateType: string; Statement?: Tree }[];
      const path = '/v1.55/images/attested/attestations';
      const [told, ...others] = await get<Statements>(path);
      expect(others).toEqual([]);
      expect(told).toMatchObject({
        Descriptor: { mediaType: 'application/vnd.in-toto+json' },
        PredicateType: expect.stringMatching(/provenance/) as string,
      });
      expect(told).not.toHaveProperty('Statement');
      const type = encodeURIComponent(told?.PredicateType ?? '');
      const [whole] = await get<Statements>(`${path}?statement=1&type=${type}`);
      expect(whole?.Statement).toMatchObject({ predicateType: told?.PredicateType });
      expect(await get(`${path}?type=other`)).toEqual([]);
      const foreign = encodeURIComponent('{"os":"linux","architecture":"s390x"}');
      expect((await call('GET', `${path}?platform=${foreign}`)).status).toBe(404);
      expect((await call('GET', `${path}?platform=${foreign}&platform=${foreign}`)).text).toMatch(
        /only one platform value is currently supported/,
      );
      await docker('image', 'rm', 'attested');
    },
    120_000,
  );

  test('limits of devices are updated from 1.55 on', async () => {
    await create('1.55', 'limited');
    const update = async (version: string, body: Tree) => {
      expect((await call('POST', `/v${version}/containers/limited/update`, { body })).status).toBe(200);
      return ((await get('/v1.55/containers/limited/json'))['HostConfig'] as Tree)['BlkioDeviceReadBps'];
    };
    const rates = [{ Path: '/dev/null', Rate: 1048576 }];
    expect(await update('1.54', { BlkioDeviceReadBps: rates })).toBeNull();
    expect(await update('1.55', { BlkioDeviceReadBps: rates })).toEqual(rates);
    expect(await update('1.55', { Memory: 64 << 20, MemorySwap: 64 << 20 })).toEqual(rates);
    expect(await update('1.55', { BlkioDeviceReadBps: [] })).toEqual([]);
    await remove('limited');
  });
});
