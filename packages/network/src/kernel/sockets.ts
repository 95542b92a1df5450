import { AF, SO, SOCK, SOL, dropAllPackets, inetAddress, syscalls } from '@gantry/linux';

const BACKLOG = 128;
const PORT_OFFSET = 2;

export interface BoundSocket {
  readonly fd: number;
  readonly port: number;
}

/**
 * An IPv4 socket bound in the thread's present namespace; a TCP one listens, so that nobody else can bind the port. A deaf one gets no
 * packet at all: it accepts nothing even when the rules that translate its port are gone for a moment.
 */
export function bindSocket(
  protocol: 'tcp' | 'udp',
  address: { readonly host: string; readonly port: number },
  options: { readonly deaf: boolean },
): BoundSocket {
  const fd = syscalls.socket(AF.INET, (protocol === 'tcp' ? SOCK.STREAM : SOCK.DGRAM) | SOCK.CLOEXEC, 0);
  try {
    if (protocol === 'tcp') syscalls.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, Buffer.from([1, 0, 0, 0]));
    if (options.deaf) dropAllPackets(fd);
    syscalls.bind(fd, inetAddress(address.host, address.port));
    if (protocol === 'tcp') syscalls.listen(fd, options.deaf ? 1 : BACKLOG);
    return { fd, port: syscalls.getsockname(fd).readUInt16BE(PORT_OFFSET) };
  } catch (error) {
    syscalls.close(fd);
    throw error;
  }
}
