import { connect, type Socket } from 'node:net';
import { invalidArgument, notFound, type StreamBroker } from '@gantry/rpc';
import { type GatewayFixture, startGateway } from '../testing/gateway';

let gateway: GatewayFixture;
afterEach(() => gateway.close());

const SIZE = 32 * 1024 * 1024;

/** Writes everything before it reads anything, as Python's HTTP clients do. Rejects when its writing is broken off. */
async function uploadThenRead(method: string, path: string, connection: 'keep-alive' | 'close'): Promise<string> {
  const socket: Socket = connect(gateway.socket);
  socket.pause();
  const failed = new Promise<never>((_, reject) => socket.on('error', reject));
  const write = (bytes: string | Buffer): Promise<void> =>
    Promise.race([failed, new Promise<void>((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve())))]);
  await write(
    `${method} ${path} HTTP/1.1\r\nHost: d\r\nConnection: ${connection}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
  );
  const part = Buffer.alloc(1024 * 1024, ' ');
  for (let sent = 0; sent < SIZE; sent += part.length)
    await write(Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]));
  await write('0\r\n\r\n');
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (/\}\s/.test(text)) resolve(text);
    });
    socket.on('end', () => resolve(text));
    socket.resume();
  });
  socket.destroy();
  return answer;
}

/** An engine that reads a little of an archive and then finds it broken. */
const refusing = (broker: StreamBroker) => {
  const broken = () => {
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => undefined);
    const ticket = broker.offer(async (socket) => {
      socket.once('data', () => {
        socket.destroy();
        failed.reject(invalidArgument('archive/tar: invalid tar header'));
      });
    });
    return { ticket, failed: failed.promise };
  };
  return {
    containers: {
      async *putArchive(_ctx: unknown, { id }: { id: string }) {
        if (id === 'none') throw notFound('No such container: none');
        const { ticket, failed } = broken();
        yield { ticket, done: false };
        await failed;
      },
    },
    images: {
      async *loadImages() {
        const { ticket, failed } = broken();
        yield { load: { ticket, progress: undefined, imageId: '', familiarName: '' } };
        await failed;
      },
      async *importImage() {
        const { ticket, failed } = broken();
        yield { import: { ticket, progress: undefined, imageId: '' } };
        await failed;
      },
    },
  };
};

describe.each(['keep-alive', 'close'] as const)('a client that writes all before it reads (Connection: %s) learns why', (connection) => {
  test.each([
    ['PUT', '/containers/none/archive?path=/', 404, 'No such container: none'],
    ['PUT', '/containers/some/archive?path=/', 400, 'invalid tar header'],
    ['PUT', '/containers/some/archive', 400, 'path cannot be empty'],
    ['POST', '/images/load', 200, '"error":"archive/tar: invalid tar header"'],
    ['POST', '/images/create?fromSrc=-', 400, 'invalid tar header'],
    ['POST', '/images/create?fromSrc=-&repo=a&tag=-b', 400, 'invalid tag format'],
    ['POST', '/containers/create', 413, 'request body is larger than'],
    ['POST', '/build?squash=1', 400, 'squash is only supported with experimental mode'],
    ['POST', '/nowhere', 404, 'page not found'],
  ])('%s %s', async (method, path, status, message) => {
    gateway = await startGateway(refusing);
    const answer = await uploadThenRead(method, `/v1.50${path}`, connection);
    expect([answer.slice(0, 12), answer.includes(message)]).toEqual([`HTTP/1.1 ${status}`, true]);
  });
});

test('what an upgrading client sent beside a refused request does not take the answer back', async () => {
  gateway = await startGateway({});
  const socket = connect(gateway.socket);
  socket.pause();
  socket.on('error', () => undefined);
  const head = 'POST /v1.50/containers/x/attach?detachKeys=foo HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n';
  socket.write(head + 'typed ahead'.repeat(100_000));
  await new Promise((resolve) => setTimeout(resolve, 100));
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString())).resume();
  await new Promise((resolve) => socket.once('close', resolve));
  expect(text).toMatch(/^HTTP\/1.1 400[^]*Invalid detach keys \(foo\) provided/);
});
