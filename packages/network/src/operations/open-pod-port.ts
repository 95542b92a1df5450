import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorText, invalidArgument, notFound, type StreamBroker, type StreamTicket, unavailable } from '@gantry/rpc';
import { hasCode } from '@gantry/linux';
import type { NetworkKernel } from '../kernel/kernel';

export interface PodPort {
  readonly netnsPath: string;
  readonly port: number;
}

/** Inside a pod a program may listen on either. */
const LOOPBACKS = ['127.0.0.1', '::1'] as const;

/**
 * Connects to a port inside a network namespace and hands the connection over; whoever does not claim it gives it back. Errors:
 * invalidArgument, notFound for a namespace that is gone, unavailable with why for a port that nobody listens on.
 */
export async function openPodPort(
  { kernel, broker }: { readonly kernel: Pick<NetworkKernel, 'namespace' | 'connectInside'>; readonly broker: Pick<StreamBroker, 'offer'> },
  { netnsPath, port }: PodPort,
): Promise<StreamTicket> {
  if (!Number.isInteger(port) || port < 1 || port > 65535) throw invalidArgument(`port ${port} is not between 1 and 65535`);
  if (!netnsPath.startsWith('/')) throw invalidArgument(`netns path "${netnsPath}" is not absolute`);
  const socket = await connectLoopback(kernel, netnsPath, port);
  return broker.offer(
    (stream) => carry(stream, socket),
    () => socket.destroy(),
  );
}

async function connectLoopback(
  kernel: Pick<NetworkKernel, 'namespace' | 'connectInside'>,
  netnsPath: string,
  port: number,
): Promise<Socket> {
  const failures: string[] = [];
  for (const host of LOOPBACKS) {
    try {
      const namespace = kernel.namespace(netnsPath);
      try {
        return await kernel.connectInside(namespace, { host, port });
      } finally {
        namespace.close();
      }
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ESRCH')) throw notFound(`network namespace ${netnsPath} is gone`, { cause: error });
      failures.push(errorText(error));
    }
  }
  throw unavailable(`failed to connect to localhost:${port} inside namespace "${netnsPath}", IPv4: ${failures[0]} IPv6: ${failures[1]}`);
}

/** Both directions, each to its end. */
async function carry(stream: Duplex, socket: Socket): Promise<void> {
  try {
    await Promise.all([pipeline(stream, socket), pipeline(socket, stream)]);
  } finally {
    socket.destroy();
  }
}
