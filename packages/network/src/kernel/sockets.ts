import { isIPv6 } from 'node:net';
import { AF, SO, SOCK, SOL, dropAllPackets, inetAddress, signalReads, syscalls } from '@gantry/linux';
import { type Protocol, PROTOCOLS } from '../ports/port';

const BACKLOG = 128;
const PORT_OFFSET = 2;
const SOL_IPV6 = 41;
const IPV6_V6ONLY = 26;

export interface BoundSocket {
  readonly fd: number;
  readonly port: number;
}

/**
 * A socket bound in the thread's present namespace; a TCP or SCTP one listens, so that nobody else can bind the port. A deaf one gets no
 * packet at all: it accepts nothing even when the rules that translate its port are gone for a moment. One that
 * signals tells FirstReads of the first that comes in.
 */
export function bindSocket(
  protocol: Protocol,
  address: { readonly host: string; readonly port: number },
  options: { readonly deaf: boolean; readonly signals?: boolean },
): BoundSocket {
  const isV6 = isIPv6(address.host);
  const fd = syscalls.socket(
    isV6 ? AF.INET6 : AF.INET,
    (protocol === 'udp' ? SOCK.DGRAM : SOCK.STREAM) | SOCK.CLOEXEC,
    PROTOCOLS[protocol],
  );
  try {
    if (protocol === 'tcp') syscalls.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, Buffer.from([1, 0, 0, 0]));
    if (isV6) syscalls.setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, Buffer.from([1, 0, 0, 0]));
    if (options.deaf) dropAllPackets(fd);
    if (options.signals === true) signalReads(fd);
    syscalls.bind(fd, inetAddress(address.host, address.port));
    if (protocol !== 'udp') syscalls.listen(fd, options.deaf ? 1 : BACKLOG);
    return { fd, port: syscalls.getsockname(fd).readUInt16BE(PORT_OFFSET) };
  } catch (error) {
    syscalls.close(fd);
    throw error;
  }
}
