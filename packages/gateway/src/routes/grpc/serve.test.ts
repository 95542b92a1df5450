import { connect, type Socket } from 'node:net';
import { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import { HealthService } from '@gantry/api/grpc/health/v1/health';
import { connectStream, newContext } from '@gantry/rpc';
import { type GatewayFixture, startGateway } from '../../testing/gateway';

let gateway: GatewayFixture;
beforeEach(async () => {
  gateway = await startGateway({});
});
afterEach(() => gateway.close());

/** Asks for an upgrade and answers the connection with the head that came; nothing behind the head is taken off. */
async function upgraded(protocol: string): Promise<{ socket: Socket; head: string }> {
  const socket = connect(gateway.socket);
  socket.write(`POST /grpc HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`);
  await new Promise((resolve) => socket.once('readable', resolve));
  const bytes = socket.read() as Buffer;
  const end = bytes.indexOf('\r\n\r\n') + 4;
  if (end < bytes.length) socket.unshift(bytes.subarray(end));
  return { socket, head: bytes.subarray(0, end).toString() };
}

test('gRPC is spoken over the connection; services that are not there are unimplemented', async () => {
  const { socket, head } = await upgraded('h2c');
  expect(head).toBe('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  const connection = connectStream(socket);
  expect(await connection.client(HealthService).check(newContext(), { service: '' })).toMatchObject({
    status: expect.anything() as number,
  });
  await expect(connection.client(ContainersServiceService).pause(newContext(), { id: 'x' })).rejects.toMatchObject({
    kind: 'notImplemented',
    message: expect.stringContaining('/gantry.engine.v1.ContainersService/Pause') as string,
  });
  connection.close();
});

test('another protocol, or none, is refused', async () => {
  const { socket, head } = await upgraded('tcp');
  expect(head).toMatch(/^HTTP\/1\.1 400 /);
  socket.destroy();
  expect((await gateway.ask('POST', '/grpc')).json()).toEqual({ message: 'no upgrade proto in request' });
});
