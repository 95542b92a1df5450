import { request } from 'node:http';
import { connect } from 'node:net';
import { Progress } from '@gantry/api/gantry/images/v1/images';
import { internal, notFound, type StreamBroker } from '@gantry/rpc';
import type { FakeAnswers } from '../testing/fake-engine';
import { type GatewayFixture, startGateway } from '../testing/gateway';

let gateway: GatewayFixture;
afterEach(() => gateway.close());

const start = async (answers: (broker: StreamBroker) => FakeAnswers): Promise<void> => {
  gateway = await startGateway((broker) => answers(broker));
};
const step = (part: object): { progress: Progress } => ({ progress: Progress.fromPartial(part) });
const lines = (text: string): unknown[] =>
  text
    .trim()
    .split('\r\n')
    .map((line) => JSON.parse(line) as unknown);

describe('pull', () => {
  const pulls: unknown[] = [];
  beforeEach(() =>
    start(() => ({
      images: {
        async *pullImage(_ctx, { pull }) {
          pulls.push(pull);
          if (pull?.ref.startsWith('absent')) throw notFound('pull access denied for absent');
          yield step({ id: 'latest', status: 'Pulling from library/busybox' });
          yield step({ id: 'abc', status: 'Pulling fs layer' });
          yield step({ id: 'abc', status: 'Downloading', current: 512000n, total: 1024000n });
          if (pull?.ref.startsWith('broken')) throw internal('unexpected EOF');
          yield step({ status: 'Status: Downloaded newer image' });
        },
        async *pushImage(_ctx, { push }) {
          pulls.push(push);
          yield step({ status: 'latest: digest: sha256:1 size: 5', auxTag: 'latest', auxDigest: 'sha256:1', auxSize: 5n });
        },
      },
    })),
  );

  test('writes the lines that docker draws', async () => {
    const auth = Buffer.from(JSON.stringify({ username: 'u', password: 'p:q', serveraddress: 's' })).toString('base64url');
    const answer = await gateway.ask('POST', '/v1.50/images/create?fromImage=busybox&tag=latest&platform=linux/arm64', {
      headers: { 'X-Registry-Auth': auth },
    });
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json']);
    expect(lines(answer.text)).toEqual([
      { status: 'Pulling from library/busybox', id: 'latest' },
      { status: 'Pulling fs layer', progressDetail: {}, id: 'abc' },
      {
        status: 'Downloading',
        progressDetail: { current: 512000, total: 1024000 },
        progress: '[=========================>                         ]    512kB/1.024MB',
        id: 'abc',
      },
      { status: 'Status: Downloaded newer image' },
    ]);
    expect(pulls.at(-1)).toMatchObject({
      ref: 'busybox:latest',
      allTags: false,
      platform: { os: 'linux', architecture: 'arm64' },
      auth: { username: 'u', password: 'p:q', serverAddress: 's' },
    });
  });

  test('fails with a status before the first line and with a line after it', async () => {
    const absent = await gateway.ask('POST', '/images/create?fromImage=absent');
    expect([absent.status, absent.json()]).toEqual([404, { message: 'pull access denied for absent' }]);
    expect(pulls.at(-1)).toMatchObject({ ref: 'absent', allTags: true, auth: undefined });
    const broken = await gateway.ask('POST', '/images/create?fromImage=broken&tag=1');
    expect([broken.status, lines(broken.text).at(-1)]).toEqual([
      200,
      { errorDetail: { message: 'unexpected EOF' }, error: 'unexpected EOF' },
    ]);
  });

  test.each([
    ['fromImage=a&platform=$', /"\$" is an invalid OS component/],
    ['fromImage=a&platform=foobar', /"foobar": unknown operating system or architecture/],
    ['fromImage=a&tag=-x', /^invalid tag format$/],
    ['fromSrc=-&repo=a&tag=-x', /^invalid tag format$/],
    ['tag=1', /fromImage and fromSrc/],
  ])('refuses %s', async (query, message) => {
    const answer = await gateway.ask('POST', `/images/create?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.json().message).toMatch(message);
  });

  test('refuses credentials that are none', async () => {
    for (const header of ['%%%', Buffer.from('[').toString('base64url')]) {
      const answer = await gateway.ask('POST', '/images/x/push', { headers: { 'X-Registry-Auth': header } });
      expect([answer.status, answer.json().message]).toEqual([400, expect.stringMatching(/^invalid X-Registry-Auth header: /)]);
    }
  });

  test('push tells tag and digest', async () => {
    const answer = await gateway.ask('POST', '/images/localhost:5000/a/b/push?tag=1');
    expect(lines(answer.text)).toEqual([
      { status: 'latest: digest: sha256:1 size: 5', aux: { Tag: 'latest', Digest: 'sha256:1', Size: 5 } },
    ]);
    expect(pulls.at(-1)).toMatchObject({ ref: 'localhost:5000/a/b:1', allTags: false });
  });
});

test('load streams the archive up and the progress down', async () => {
  let received = 0;
  await start((broker) => ({
    images: {
      async *loadImages() {
        const done = Promise.withResolvers<void>();
        const ticket = broker.offer(async (socket) => {
          socket.on('data', (chunk) => (received += chunk.length));
          socket.on('end', () => {
            socket.end();
            done.resolve();
          });
          socket.resume();
        });
        const nothing = { ticket: undefined, progress: undefined, imageId: '', familiarName: '' };
        yield { load: { ...nothing, ticket } };
        await done.promise;
        yield {
          load: { ...nothing, progress: Progress.fromPartial({ stream: 'Loaded image: a:1\n' }), imageId: 'sha256:1', familiarName: 'a:1' },
        };
        yield { load: { ...nothing, imageId: 'sha256:2' } };
      },
    },
  }));
  const answer = await gateway.ask('POST', '/v1.50/images/load?quiet=1', {
    body: Buffer.alloc(5_000_000),
    headers: { Expect: '100-continue' },
  });
  expect(received).toBe(5_000_000);
  expect(lines(answer.text)).toEqual([{ stream: 'Loaded image: a:1\n' }, { stream: 'Loaded image ID: sha256:2\n' }]);
});

test('a load that fails early is an error although the archive was not read', async () => {
  await start((broker) => ({
    images: {
      async *loadImages() {
        const failed = Promise.withResolvers<never>();
        const ticket = broker.offer(async (socket) => {
          await new Promise((resolve) => socket.once('data', resolve).resume());
          socket.destroy();
          failed.reject(internal('archive is no image'));
        });
        yield { load: { ticket, progress: undefined, imageId: '', familiarName: '' } };
        await failed.promise;
      },
    },
  }));
  const answer = await gateway.ask('POST', '/images/load', { body: Buffer.alloc(20_000_000) });
  expect([answer.status, lines(answer.text)]).toEqual([
    200,
    [{ errorDetail: { message: 'archive is no image' }, error: 'archive is no image' }],
  ]);
});

test('archives go both ways with their path stat', async () => {
  let put = '';
  const stat = { name: 'etc', size: 4096n, mode: 2147484141, mtime: '2026-01-01T00:00:00Z', linkTarget: '' };
  await start((broker) => ({
    containers: {
      statArchive: async () => ({ stat }),
      getArchive: async () => ({ stat, ticket: broker.offer(async (socket) => void socket.end(Buffer.alloc(3_000_000, 'x'))) }),
      async *putArchive() {
        const done = Promise.withResolvers<void>();
        yield {
          ticket: broker.offer(async (socket) => {
            socket.on('data', (chunk) => (put += chunk.toString()));
            socket.on('end', () => {
              socket.end();
              done.resolve();
            });
            socket.resume();
          }),
          done: false,
        };
        await done.promise;
        yield { ticket: undefined, done: true };
      },
    },
  }));
  const head = await gateway.ask('HEAD', '/containers/box/archive?path=/etc');
  const header = Buffer.from(String(head.headers['x-docker-container-path-stat']), 'base64').toString();
  expect([head.status, JSON.parse(header)]).toEqual([
    200,
    { name: 'etc', size: 4096, mode: 2147484141, mtime: '2026-01-01T00:00:00Z', linkTarget: '' },
  ]);
  const get = await gateway.ask('GET', '/containers/box/archive?path=/etc');
  expect([get.status, get.headers['content-type'], get.text.length]).toEqual([200, 'application/x-tar', 3_000_000]);
  expect(get.headers['x-docker-container-path-stat']).toBe(head.headers['x-docker-container-path-stat']);
  expect((await gateway.ask('PUT', '/containers/box/archive?path=/', { body: Buffer.from('tar') })).status).toBe(200);
  expect(put).toBe('tar');
  expect((await gateway.ask('GET', '/containers/box/archive')).json().message).toBe('bad parameter: path cannot be empty');
});

test('a client that leaves cancels the call behind it', async () => {
  const cancelled = Promise.withResolvers<string>();
  await start(() => ({
    system: {
      async *events(ctx) {
        ctx.signal.addEventListener('abort', () => cancelled.resolve((ctx.signal.reason as { kind: string }).kind));
        yield { event: undefined, subscribed: true, position: 0n };
        await new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error)));
      },
    },
  }));
  const client = connect(gateway.socket);
  client.write('GET /v1.50/events HTTP/1.1\r\nHost: docker\r\n\r\n');
  const headers = await new Promise<string>((resolve) => client.once('data', (chunk) => resolve(chunk.toString())));
  expect(headers).toMatch(/^HTTP\/1\.1 200 OK/);
  client.destroy();
  expect(await cancelled.promise).toBe('cancelled');
});

test('events carry the old fields for old clients', async () => {
  const event = (Type: string, Action: string) => ({
    subscribed: false,
    position: 1n,
    event: { Type, Action, Actor: { ID: 'i', Attributes: { image: 'b' } }, scope: 'local', time: 1n, timeNano: 1700000000123456789n },
  });
  await start(() => ({
    system: {
      async *events() {
        yield event('container', 'start');
        yield event('image', 'create');
        yield event('network', 'create');
      },
    },
  }));
  const old = (await gateway.ask('GET', '/v1.41/events?since=1.5')).text.trim().split('\n');
  expect(old[0]).toContain('"timeNano":1700000000123456789');
  expect(old.map((line) => JSON.parse(line) as object)).toMatchObject([
    { status: 'start', id: 'i', from: 'b', Type: 'container' },
    { Type: 'network', Actor: { ID: 'i' } },
  ]);
  expect((await gateway.ask('GET', '/v1.46/events')).text).toContain('"Type":"image"');
  expect((await gateway.ask('GET', '/events?since=x')).status).toBe(400);
  expect((await gateway.ask('GET', '/events?since=10&until=5')).json().message).toBe('`since` time (10) cannot be after `until` time (5)');
});

test('a thousand connections at once are answered', async () => {
  await start(() => ({
    containers: {
      async *list() {
        yield { containers: [], known: 0, epoch: 'e' };
      },
    },
  }));
  const one = (): Promise<number> =>
    new Promise((resolve, reject) => {
      request({ socketPath: gateway.socket, path: '/v1.50/containers/json', agent: false }, (answer) => {
        answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
      })
        .on('error', reject)
        .end();
    });
  const statuses = await Promise.all(Array.from({ length: 1000 }, one));
  expect(new Set(statuses)).toEqual(new Set([200]));
});
