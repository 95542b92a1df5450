import { randomBytes } from 'node:crypto';
import { createServer, get, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { lentBody, LendingAgent } from './lending';

const data = randomBytes(9_000_001);
const open: (() => unknown)[] = [];
afterEach(() => {
  for (const close of open.splice(0).reverse()) close();
});

async function serve(listener: RequestListener): Promise<(path?: string) => Promise<IncomingMessage>> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new LendingAgent({ keepAlive: true });
  open.push(
    () => server.closeAllConnections(),
    () => server.close(),
    () => agent.destroy(),
  );
  const { port } = server.address() as AddressInfo;
  return (path = '/') =>
    new Promise((resolve, reject) => {
      get({ host: '127.0.0.1', port, path, agent }, resolve).on('error', reject);
    });
}

/** Copied before the next part is asked for; slow: after a while, so that what is lent would show what overwrites it. */
async function taken(body: IncomingMessage, pause = 0): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of lentBody(body)) {
    if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
    parts.push(Buffer.from(part));
  }
  return Buffer.concat(parts);
}

const whole: RequestListener = (_request, response) => response.writeHead(200, { 'Content-Length': data.length }).end(data);

test.each([0, 15])('a large body comes whole, to a reader that waits %d ms between parts', async (pause) => {
  const ask = await serve(whole);
  const [one, two] = await Promise.all([ask(), ask()].map(async (body) => taken(await body, pause)));
  expect([one?.equals(data), two?.equals(data)]).toEqual([true, true]);
});

test('a reader that comes late has lost nothing', async () => {
  const ask = await serve(whole);
  const body = await ask();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect((await taken(body)).equals(data)).toBe(true);
});

test('parts are lent again, and are few', async () => {
  const ask = await serve(whole);
  const places = new Set<ArrayBufferLike>();
  let parts = 0;
  for await (const part of lentBody(await ask())) {
    if (part.length > 100_000) places.add(part.buffer);
    parts++;
  }
  expect([places.size <= 3, parts < 60]).toEqual([true, true]);
});

test('small bodies and those of unknown length leave the connection for the next', async () => {
  const ports = new Set<number | undefined>();
  const ask = await serve((request, response) => {
    ports.add(request.socket.remotePort);
    if (request.url === '/small') response.writeHead(200, { 'Content-Length': 3 }).end('abc');
    else response.end('unknown');
  });
  expect((await taken(await ask('/small'))).toString()).toBe('abc');
  expect((await taken(await ask('/other'))).toString()).toBe('unknown');
  expect((await taken(await ask('/small'))).toString()).toBe('abc');
  expect(ports.size).toBe(1);
});

test('a body that is cut gives what came, and then says so', async () => {
  const ask = await serve((_request, response) => {
    response.writeHead(200, { 'Content-Length': data.length });
    response.write(data.subarray(0, 3_000_000), () => setTimeout(() => response.destroy(), 50));
  });
  const parts: Buffer[] = [];
  const reading = (async () => {
    for await (const part of lentBody(await ask())) parts.push(Buffer.from(part));
  })();
  await expect(reading).rejects.toMatchObject({ kind: 'unavailable' });
  expect(Buffer.concat(parts).equals(data.subarray(0, 3_000_000))).toBe(true);
});
