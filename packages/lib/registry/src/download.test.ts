import { randomBytes } from 'node:crypto';
import { quiet } from './testing/quiet';
import { digestOf, MemoryRegistry, type MemoryRegistryOptions } from './testing/memory-registry';
import { Authorizer } from './auth';
import { Calls } from './calls';
import { PIECE } from './download';
import { endpoint } from './endpoints';
import { HttpClient, type Patience } from './http';
import { Repository } from './repository';
import { plainTransport } from './transport';

const data = randomBytes(5 * PIECE + 12_345);
const digest = digestOf(data);
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function registry(options: MemoryRegistryOptions = {}, ranges = 4, patience: Partial<Patience> = {}) {
  const server = await MemoryRegistry.start(options);
  server.blob(data);
  const http = new HttpClient('test', {
    idleMs: 60_000,
    windowMs: 60_000,
    windowBytes: 1,
    pauseMs: 20,
    retries: 4,
    enough: Infinity,
    ...patience,
  });
  open.push(
    () => server.stop(),
    () => http.close(),
  );
  const at = endpoint(new URL(`http://${server.host}`), { transport: { ...plainTransport, insecure: true } });
  const repository = new Repository(new Calls(http, at, new Authorizer(http, at, async () => undefined), quiet), 'r', {
    logger: quiet,
    ranges,
    endpoint: at,
  });
  const fetch = async (offset = 0, lent = false): Promise<Buffer> => {
    const parts: Buffer[] = [];
    for await (const part of repository.blob(digest, data.length, offset, undefined, lent)) parts.push(lent ? Buffer.from(part) : part);
    return Buffer.concat(parts);
  };
  const gets = () => server.seen.filter(({ method }) => method === 'GET');
  return { server, repository, fetch, gets };
}

test('a large blob comes in ranges over several connections, in order, once it is the network that is waited for', async () => {
  // Of the pieces none is answered before four are asked for at once.
  const held: (() => void)[] = [];
  let most = 0;
  const { fetch, gets, server } = await registry({
    fault: (request, response) => {
      const [from = 0, to = 0] =
        /^bytes=(\d+)-(\d*)$/
          .exec(request.headers.range ?? '')
          ?.slice(1)
          .map(Number) ?? [];
      if (from === 0) return false;
      held.push(() =>
        response
          .writeHead(206, { 'Content-Range': `bytes ${from}-${to || data.length - 1}/${data.length}` })
          .end(data.subarray(from, (to || data.length - 1) + 1)),
      );
      most = Math.max(most, held.length);
      if (most >= 4) for (const answer of held.splice(0)) answer();
      return true;
    },
    rate: 40 << 20,
  });
  expect((await fetch()).equals(data)).toBe(true);
  const ranges = gets().map(
    ({ headers }) =>
      /^bytes=(\d+)-(\d*)$/
        .exec(headers.range ?? '')
        ?.slice(1)
        .map(Number) ?? [],
  );
  expect(ranges[0]).toEqual([0, 0]);
  // The rest in pieces without a gap, from where the first connection was left.
  for (const [at, [from = 0, to = 0]] of ranges.slice(1).entries()) {
    expect(from).toBe((ranges[1]?.[0] ?? 0) + at * PIECE);
    if (at < ranges.length - 2) expect(to).toBe(from + PIECE - 1);
  }
  expect(ranges[1]?.[0]).toBeLessThan(2 * PIECE);
  expect(most).toBe(4);
  expect(server.sentOf(digest)).toBeLessThan(data.length); // the first connection was left
});

test('a reader that is slower than the network is served by one connection', async () => {
  const { repository, gets } = await registry();
  let size = 0;
  for await (const part of repository.blob(digest, data.length, 0)) {
    size += part.length;
    const until = performance.now() + 4;
    while (performance.now() < until); // work
  }
  expect(size).toBe(data.length);
  expect(gets().map(({ headers }) => headers.range)).toEqual(['bytes=0-']);
});

test('one connection when it is so configured', async () => {
  const { fetch, gets } = await registry({}, 1);
  expect((await fetch()).equals(data)).toBe(true);
  expect(gets().map(({ headers }) => headers.range)).toEqual([undefined]);
});

test('a server without ranges gives one stream, from the start and from the middle', async () => {
  const { fetch, gets } = await registry({ ranges: false });
  expect((await fetch()).equals(data)).toBe(true);
  expect(gets()).toHaveLength(1);
  expect((await fetch(1000)).equals(data.subarray(1000))).toBe(true);
});

test('416 to a range: the whole is asked for', async () => {
  const { fetch } = await registry({
    fault: (request, response) => {
      if (request.headers.range === undefined || !request.headers.range.startsWith('bytes=0-')) return false;
      response.writeHead(416).end();
      return true;
    },
  });
  expect((await fetch()).equals(data)).toBe(true);
});

test('every connection breaks in the middle of its range: each goes on where it broke', async () => {
  const continued = new Set<number>();
  const { fetch, gets } = await registry({
    rate: 20 << 20,
    fault: (request, response) => {
      const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
      const from = Number(range?.[1] ?? 0);
      if (continued.has(from)) return false;
      continued.add(from + 10_000);
      const to = range?.[2] === undefined || range[2] === '' ? data.length : Number(range[2]) + 1;
      response.writeHead(206, { 'Content-Length': to - from, 'Content-Range': `bytes ${from}-${to - 1}/${data.length}` });
      response.write(data.subarray(from, from + 10_000), () => setTimeout(() => response.destroy(), 20));
      return true;
    },
  });
  expect((await fetch()).equals(data)).toBe(true);
  const starts = gets().map(({ headers }) => Number(/\d+/.exec(headers.range ?? '')?.[0]));
  expect(starts.length).toBeGreaterThan(8);
  expect(starts.filter((from) => continued.has(from)).length).toBeGreaterThan(3);
});

test('attack 32: other bytes than the range asked for are refused', async () => {
  const { fetch } = await registry({
    rate: 20 << 20,
    fault: (request, response) => {
      if (!/^bytes=[1-9]\d*-\d/.test(request.headers.range ?? '')) return false;
      response.writeHead(206, { 'Content-Range': `bytes 0-${PIECE - 1}/${data.length}` }).end(data.subarray(0, PIECE));
      return true;
    },
  });
  await expect(fetch()).rejects.toMatchObject({
    kind: 'dataLoss',
    message: expect.stringContaining('instead of the bytes from') as string,
  });
});

test('attack 32: a content length that lies short, a registry that breaks off after each byte', async () => {
  const { fetch, gets } = await registry({
    fault: (request, response) => {
      const from = Number(/\d+/.exec(request.headers.range ?? '0')?.[0]);
      response.writeHead(206, { 'Content-Length': 1 }).end(data.subarray(from, from + 1));
      return true;
    },
  });
  await expect(fetch(data.length - 1000)).rejects.toThrow(/ended after/);
  expect(gets()).toHaveLength(5);
});

test('429 with Retry-After is waited for; 503 is tried again; more than four times is too often', async () => {
  const at: number[] = [];
  const { fetch } = await registry(
    {
      fault: (request, response) => {
        at.push(performance.now());
        if (at.length > 2) return false;
        response
          .writeHead(at.length === 1 ? 429 : 503, at.length === 1 ? { 'Retry-After': '1' } : {})
          .end(JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'slow down' }] }));
        return request.method === 'GET';
      },
    },
    1,
  );
  expect((await fetch()).equals(data)).toBe(true);
  expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThan(990);
});

test('429 for an hour is an error at once, in the words of the registry', async () => {
  const { fetch, gets } = await registry(
    {
      fault: (_request, response) =>
        response
          .writeHead(429, { 'Retry-After': '3600' })
          .end(JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message: 'slow down' }] })) !== undefined,
    },
    1,
  );
  await expect(fetch()).rejects.toMatchObject({ kind: 'resourceExhausted', message: 'toomanyrequests: slow down' });
  expect(gets()).toHaveLength(1);
});

test('attack 32: a registry that drips bytes, and one that falls silent, are given up', async () => {
  const drip = await registry(
    {
      fault: (_request, response) => {
        response.writeHead(200, { 'Content-Length': data.length });
        const timer = setInterval(() => response.write('x'), 20);
        response.on('close', () => clearInterval(timer));
        return true;
      },
    },
    1,
    { windowMs: 100, windowBytes: 1000 },
  );
  await expect(drip.fetch()).rejects.toMatchObject({
    kind: 'deadlineExceeded',
    message: expect.stringContaining('comes too slowly') as string,
  });
  const silent = await registry({ fault: () => true }, 1, { idleMs: 50 });
  await expect(silent.fetch()).rejects.toMatchObject({ kind: 'deadlineExceeded', message: expect.stringContaining('no answer') as string });
});

test('who stops reading stops the connections', async () => {
  const { repository, server } = await registry({ rate: 2 << 20 });
  for await (const part of repository.blob(digest, data.length, 0)) {
    expect(part.length).toBeGreaterThan(0);
    break;
  }
  const sent = server.sentOf(digest);
  expect(sent).toBeLessThan(data.length / 2);
});
