import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { lookup } from 'node:dns/promises';
import { unavailable } from '@gantry/rpc';
import { dialFailed, type Host, loss, systemText, type Wire } from './wire';

/** Datagrams to one address. That nobody listens there is only heard of afterwards, if at all. */
export async function udpWire({ host, port }: Host, signal: AbortSignal): Promise<Wire> {
  const found = await lookup(host).catch((error: unknown) => Promise.reject(dialFailed('udp', host, error)));
  signal.throwIfAborted();
  const socket = createSocket(found.family === 6 ? 'udp6' : 'udp4');
  socket.connect(port, found.address);
  await once(socket, 'connect').catch((error: unknown) => Promise.reject(dialFailed('udp', `${host}:${port}`, error)));
  const { lost, lose } = loss();
  const failed = (error: Error): Error => unavailable(`write udp ${host}:${port}: ${systemText(error)}`, { cause: error });
  socket.on('error', (error) => lose(failed(error)));
  return {
    lost,
    async write(buffers) {
      const sent = buffers.map(
        (buffer) =>
          new Promise<void>((resolve, reject) => {
            socket.send(buffer, (error) => (error === null ? resolve() : reject(failed(error))));
          }),
      );
      await Promise.all(sent);
    },
    close: async () => {
      await new Promise<void>((resolve) => {
        socket.close(resolve);
      });
    },
  };
}
