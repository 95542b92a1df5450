import { isIPv6, Socket, type SocketConstructorOpts } from 'node:net';
import { AF, inNetworkNamespace, type NamespaceHandle, SOCK, syscalls } from '@gantry/linux';

/** Milliseconds that a connection may take. */
const CONNECT_MS = 10_000;

/**
 * A TCP connection made inside a network namespace, half-open capable. The namespace is that in which the socket is made: Node connects it
 * afterwards, and waits as for any other.
 */
export function connectInside(namespace: NamespaceHandle, target: { readonly host: string; readonly port: number }): Promise<Socket> {
  const family = isIPv6(target.host) ? AF.INET6 : AF.INET;
  const fd = inNetworkNamespace(namespace, () => syscalls.socket(family, SOCK.STREAM | SOCK.CLOEXEC, 0));
  // Without manualStart a socket that is given is read at once, which one that is not connected cannot be; @types/node does not know it.
  const options: SocketConstructorOpts & { readonly manualStart: boolean } = {
    fd,
    readable: true,
    writable: true,
    allowHalfOpen: true,
    manualStart: true,
  };
  const socket = new Socket(options);
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(new Error(`connect to ${target.host} timed out`)), CONNECT_MS);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    socket.once('error', failed);
    socket.connect(target, () => {
      clearTimeout(timer);
      socket.off('error', failed);
      resolve(socket);
    });
  });
}
