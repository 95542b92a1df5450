import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HealthService } from '@gantry/api/grpc/health/v1/health';
import { ControlService } from '@gantry/api/moby/buildkit/v1/control';
import { alreadyExists, connectStream, createServer, newContext, silentLogger } from '@gantry/rpc';
import type { OpenSessionRequest } from '@gantry/api/gantry/build/v1/build';
import { type GatewayFixture, startGateway } from '../../testing/gateway';

let gateway: GatewayFixture;
const opened: OpenSessionRequest[] = [];
const healthy: unknown[] = [];
beforeEach(async () => {
  gateway = await startGateway((broker) => ({
    builder: {
      control: { info: async () => ({ buildkitVersion: { package: 'p', version: 'v', revision: 'r', dockerfileVersion: '' } }) },
      build: {
        openSession: async (_ctx, request) => {
          if (request.id === 'twice') throw alreadyExists('session twice already exists');
          opened.push(request);
          return {
            ticket: broker.offer(async (stream) => {
              const connection = connectStream(stream);
              healthy.push(await connection.client(HealthService).check(newContext(), { service: '' }));
              await connection.closed;
            }),
          };
        },
      },
    },
  }));
});
afterEach(() => gateway.close());

/** Asks for an upgrade and answers the connection with the head that came; nothing behind the head is taken off. */
async function upgraded(path: string, protocol: string, headers = ''): Promise<{ socket: Socket; head: string }> {
  const socket = connect(gateway.socket);
  socket.write(`POST ${path} HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${headers}\r\n`);
  await once(socket, 'readable');
  const bytes = socket.read() as Buffer;
  const end = bytes.indexOf('\r\n\r\n') + 4;
  if (end < bytes.length) socket.unshift(bytes.subarray(end));
  return { socket, head: bytes.subarray(0, end).toString() };
}
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n';

test("the builder's gRPC is spoken over the connection", async () => {
  const { socket, head } = await upgraded('/grpc', 'h2c');
  expect(head).toBe(SWITCHED);
  const connection = connectStream(socket);
  expect(await connection.client(HealthService).check(newContext(), { service: '' })).toBeDefined();
  expect((await connection.client(ControlService).info(newContext(), {})).buildkitVersion?.version).toBe('v');
  connection.close();
});

test('a session is a server on the client’s side, told with its headers', async () => {
  const method = (name: string): string => `X-Docker-Expose-Session-Grpc-Method: ${name}\r\n`;
  const { socket, head } = await upgraded(
    '/v1.50/session',
    'h2c',
    `X-Docker-Expose-Session-Uuid: abc\r\nX-Docker-Expose-Session-Sharedkey: key\r\n${method('/a/B')}${method('/c/D')}`,
  );
  expect(head).toBe(SWITCHED);
  const server = createServer({ logger: silentLogger });
  server.serveStream(socket);
  for (let tries = 0; healthy.length === 0 && tries < 200; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(opened).toEqual([{ id: 'abc', name: '', sharedKey: 'key', methods: ['/a/B', '/c/D'] }]);
  expect(healthy).toHaveLength(1);
  socket.destroy();
  await server.stop(0);
});

test.each(['/grpc', '/session'])('%s: another protocol, or none, is refused', async (path) => {
  const { socket, head } = await upgraded(path, 'tcp');
  expect(head).toMatch(/^HTTP\/1\.1 400 /);
  socket.destroy();
  expect((await gateway.ask('POST', path)).json()).toEqual({ message: 'no upgrade proto in request' });
});

test('what the builder refuses is answered before the connection is taken over', async () => {
  const { socket, head } = await upgraded('/session', 'h2c', 'X-Docker-Expose-Session-Uuid: twice\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 409 /);
  socket.destroy();
});
