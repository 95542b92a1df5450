import { createHash } from 'node:crypto';
import { AF, hasCode, SOCK, syscalls } from '@gantry/linux';

export interface HeldName {
  release(): void;
}

/** netlink(7): the protocol of programs among themselves. Nobody sends anything over it here. */
const NETLINK_USERSOCK = 2;

/**
 * Holds a name for as long as this process lives, or until it is released: a port of netlink, of which a network namespace has one of each number, and which goes
 * with its owner. Nobody can connect to it, as anybody in the namespace could to an abstract socket. Undefined: somebody else holds it.
 */
export function holdName(name: string): HeldName | undefined {
  const socket = syscalls.socket(AF.NETLINK, SOCK.RAW, NETLINK_USERSOCK);
  try {
    syscalls.bind(socket, netlinkAddress(portOf(name)));
  } catch (error) {
    syscalls.close(socket);
    if (hasCode(error, 'EADDRINUSE')) return undefined;
    throw error;
  }
  return { release: () => syscalls.close(socket) };
}

/** struct sockaddr_nl of one port, in no group. */
function netlinkAddress(port: number): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF.NETLINK, 0);
  address.writeUInt32LE(port, 4);
  return address;
}

/** Above the numbers that the kernel gives out by itself: process ids, and those with the highest bit. */
function portOf(name: string): number {
  return (createHash('sha256').update(`gantry-network/${name}`).digest().readUInt32LE(0) & 0x3fffffff) | 0x40000000;
}
