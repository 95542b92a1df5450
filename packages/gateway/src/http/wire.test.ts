import type { CreateRequest } from '@gantry/api/gantry/engine/v1/containers';
import { MAX_API_VERSION } from '@gantry/docker-api';
import { notFound, conflict, notModified } from '@gantry/rpc';
import { type GatewayFixture, startGateway } from '../testing/gateway';
import { routes } from '../routes/table';

let gateway: GatewayFixture;
const created: CreateRequest[] = [];

beforeAll(async () => {
  gateway = await startGateway({
    containers: {
      inspect: async (_ctx, { id }) => {
        throw notFound(`No such container: ${id}`);
      },
      start: async (_ctx, { id }) => {
        if (id === 'running') throw notModified('container already started');
        if (id === 'paused') throw conflict('cannot start a paused container');
        return {};
      },
      create: async (_ctx, request) => {
        created.push(request);
        return { id: 'abc', warnings: [] };
      },
      async *list() {
        yield { containers: [], known: 0, epoch: 'e' };
      },
    },
    volumes: { listVolumes: async () => ({ volumes: [], warnings: [] }) },
  });
});
afterAll(() => gateway.close());

const config = (extra: object = {}): object => ({ Image: 'busybox', Cmd: ['true'], ...extra });
const create = (body: object | string, headers?: Record<string, string>) =>
  gateway.ask('POST', '/v1.50/containers/create?name=x', { body, headers: { 'Content-Type': 'application/json', ...headers } });

describe('every answer', () => {
  test('carries the daemon headers', async () => {
    for (const path of ['/_ping', '/version', '/nowhere', '/v1.45/containers/x/json']) {
      const { headers } = await gateway.ask('GET', path);
      expect(headers).toMatchObject({
        server: 'Docker/0.1.0 (linux)',
        'api-version': MAX_API_VERSION,
        ostype: 'linux',
        'docker-experimental': 'false',
      });
    }
  });

  test('_ping answers GET and HEAD without caching', async () => {
    const get = await gateway.ask('GET', '/v1.41/_ping');
    expect([get.status, get.text, get.headers['content-type']]).toEqual([200, 'OK', 'text/plain; charset=utf-8']);
    expect(get.headers).toMatchObject({
      'cache-control': 'no-cache, no-store, must-revalidate',
      pragma: 'no-cache',
      swarm: 'inactive',
      'builder-version': '2',
    });
    const head = await gateway.ask('HEAD', '/_ping');
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', '0']);
  });

  test('_ping tells of the classic builder where clients are to use that', async () => {
    const classic = await startGateway({}, { buildkit: false });
    try {
      for (const method of ['GET', 'HEAD']) expect((await classic.ask(method, '/_ping')).headers['builder-version']).toBe('1');
    } finally {
      await classic.close();
    }
  });

  test.each([
    ['GET', '/nowhere', 404, 'page not found'],
    ['PATCH', '/containers/json', 404, 'page not found'],
    ['GET', '/v1.x/containers/json', 404, 'page not found'],
    ['GET', '/v1.24.0.x/containers/json', 404, 'page not found'],
    ['GET', '/v1.99/containers/json', 400, `client version 1.99 is too new. Maximum supported API version is ${MAX_API_VERSION}`],
    ['GET', '/v1.50/containers/nobody/json', 404, 'No such container: nobody'],
    ['POST', '/containers/paused/start', 409, 'cannot start a paused container'],
  ])('%s %s is %i %s', async (method, path, status, message) => {
    const answer = await gateway.ask(method, path);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.json()).toEqual({ message });
  });

  test('a version below 1.24 is refused in plain text', async () => {
    const answer = await gateway.ask('GET', '/v1.23/containers/json');
    expect([answer.status, answer.headers['content-type']]).toEqual([400, 'text/plain; charset=utf-8']);
    expect(answer.text).toMatch(/^client version 1.23 is too old/);
  });

  test('304 and 204 have no body', async () => {
    const running = await gateway.ask('POST', '/containers/running/start');
    expect([running.status, running.text]).toEqual([304, '']);
    expect((await gateway.ask('POST', '/containers/other/start')).status).toBe(204);
  });

  test('double slashes redirect', async () => {
    const answer = await gateway.ask('GET', '/v1.50/containers//json?all=1');
    expect([answer.status, answer.headers.location]).toEqual([301, '/v1.50/containers/json?all=1']);
  });
});

test.each([
  ['h=x&w=1', 'invalid resize height "x": invalid syntax'],
  ['h=1', 'invalid resize width "": invalid syntax'],
  ['h=%2B1&w=1', 'invalid resize height "+1": invalid syntax'],
  ['h=-1&w=1', 'invalid resize height "-1": value out of range'],
  ['h=1&w=4294967296', 'invalid resize width "4294967296": value out of range'],
])('a terminal of %s is refused', async (query, message) => {
  for (const path of ['/containers/x/resize', '/exec/x/resize'])
    expect((await gateway.ask('POST', `${path}?${query}`)).json()).toEqual({ message });
});

test('an image without a name is none', async () => {
  const answer = await gateway.ask('DELETE', '/images/%20');
  expect([answer.status, answer.json()]).toEqual([400, { message: 'image name cannot be blank' }]);
});

test('an empty configuration is one', async () => {
  const before = created.length;
  expect((await create({ Image: '', Cmd: null, hostname: '' })).status).toBe(201);
  expect(created).toHaveLength(before + 1);
});

test('every operation is registered once, and those without an implementation name themselves', async () => {
  expect(new Set(routes.map((route) => `${route.method} ${route.path}`)).size).toBe(routes.length);
  const answer = await gateway.ask('GET', '/containers/x/checkpoints');
  expect([answer.status, answer.json()]).toEqual([501, { message: expect.stringContaining('experimental') as string }]);
});

test('an operation that came later is refused before', async () => {
  const answer = await gateway.ask('GET', '/v1.54/images/x/attestations');
  const message = 'GET /images/{name:.*}/attestations requires minimum API version 1.55';
  expect([answer.status, answer.json()]).toEqual([400, { message }]);
});

test('there is no swarm, in the words that clients know', async () => {
  for (const path of ['/swarm', '/services', '/services/x', '/nodes', '/secrets/x', '/configs', '/tasks', '/swarm/unlockkey']) {
    const answer = await gateway.ask('GET', path);
    expect([path, answer.status, answer.json().message]).toEqual([
      path,
      503,
      'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    ]);
  }
  expect(await gateway.ask('POST', '/swarm/leave')).toMatchObject({
    status: 503,
    text: expect.stringContaining('not part of a swarm') as string,
  });
});

describe('bodies', () => {
  test.each<[string | object, string]>([
    ['', 'invalid JSON: got EOF while reading request body'],
    [' ', 'invalid JSON: got EOF while reading request body'],
    ['{', 'invalid JSON: unexpected EOF'],
    ['{}', 'config cannot be empty in order to create a container'],
    ['{"HostConfig": {}}', 'config cannot be empty in order to create a container'],
    ['null', 'config cannot be empty in order to create a container'],
    ['{"Image": }', "invalid JSON: invalid character '}' looking for beginning of value"],
    ['{"Image" "x"}', `invalid JSON: invalid character '"' after object key`],
    ['{Image: 1}', "invalid JSON: invalid character 'I' looking for beginning of object key string"],
    ['tru', 'invalid JSON: unexpected EOF'],
    ['nil', "invalid JSON: invalid character 'i' in literal null (expecting 'u')"],
    ['{"Image":"x"} {}', 'unexpected content after JSON'],
    [{ Image: 5 }, 'invalid JSON: json: cannot unmarshal number into Go struct field CreateRequest.Image of type string'],
    [
      { HostConfig: { Memory: '5' } },
      'invalid JSON: json: cannot unmarshal string into Go struct field HostConfig.HostConfig.Memory of type int64',
    ],
    [
      { HostConfig: { Memory: 1.5 } },
      'invalid JSON: json: cannot unmarshal number 1.5 into Go struct field HostConfig.HostConfig.Memory of type int64',
    ],
    [[], 'invalid JSON: json: cannot unmarshal array into Go value of type container.CreateRequest'],
    [config({ HostConfig: { KernelMemory: 5 } }), 'field HostConfig.KernelMemory is not supported by gantry'],
  ])('%j is refused', async (body, message) => {
    const answer = await create(body);
    expect([answer.json().message, answer.status]).toEqual([message, 400]);
  });

  test('other content types are refused', async () => {
    const answer = await create('{}', { 'Content-Type': 'text/plain' });
    expect([answer.status, answer.json().message]).toEqual([
      400,
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    ]);
  });

  test('keys match without case, unknown fields pass, 64 bit integers stay whole', async () => {
    const body =
      '{"image":"busybox","cMD":"true","Nonsense":{"a":1,"b":["x"]},"name":"other","HostConfig":{"memory":9007199254740993,"PidsLimit":null}}';
    expect((await create(body)).status).toBe(201);
    expect(created.at(-1)).toMatchObject({
      name: 'x',
      apiVersion: '1.50',
      config: { Image: 'busybox', Cmd: { items: ['true'] }, Entrypoint: undefined },
      hostConfig: { Memory: 9007199254740993n, PidsLimit: undefined },
    });
  });

  test('what clients send beside the API is ignored: dockerode its own options, docker-py the container in exec', async () => {
    expect((await create({ Image: 'busybox', name: 'other', platform: 'x', Runtime: 'crun', Dns: ['1.1.1.1'] })).status).toBe(201);
    expect(created.at(-1)).toMatchObject({ name: 'x', platform: '', hostConfig: undefined });
    const exec = await gateway.ask('POST', '/containers/running/exec', {
      body: JSON.stringify({ Container: 'running', Cmd: ['true'], AttachStdout: true, hijack: true }),
      headers: { 'Content-Type': 'application/json' },
    });
    expect(exec.text).not.toContain('field Container');
  });

  test('a body beyond the limit is 413', async () => {
    const answer = await create({ Image: 'x'.repeat(9 * 1024 * 1024) });
    expect(answer.status).toBe(413);
  });
});

test.each([
  ['filters=5', 400, 'invalid filter'],
  ['filters={"name":5}', 400, 'invalid filter'],
  ['limit=x', 400, 'strconv.Atoi: parsing "x": invalid syntax'],
  ['a=%zz', 400, 'invalid URL escape "%zz"'],
])('query %s is %i', async (query, status, message) => {
  const answer = await gateway.ask('GET', `/containers/json?${query.replaceAll('"', '%22').replaceAll('{', '%7B').replaceAll('}', '%7D')}`);
  expect([answer.status, answer.json().message]).toEqual([status, message]);
});

test('both forms of filters pass', async () => {
  for (const filters of ['{"name":["x"]}', '{"name":[null]}', '{"name":null}', '{"name":{"x":true}}', 'null']) {
    expect((await gateway.ask('GET', `/containers/json?filters=${encodeURIComponent(filters)}`)).status).toBe(200);
  }
});
