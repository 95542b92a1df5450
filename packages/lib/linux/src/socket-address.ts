import { isIPv4, isIPv6 } from 'node:net';
import { AF } from './constants';

/** struct sockaddr_un: a path, or an abstract name when it begins with @ (as NOTIFY_SOCKET writes it). */
export function unixAddress(path: string): Buffer {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`);
  if (name.length > 108) throw new RangeError(`socket path "${path}" is longer than 107 bytes`);
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF.UNIX, 0);
  name.copy(address, 2);
  return address;
}

/** struct sockaddr_nl; the kernel is port 0, and binding to port 0 lets the kernel choose. */
export function netlinkAddress(port = 0, groups = 0): Buffer {
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF.NETLINK, 0);
  address.writeUInt32LE(port, 4);
  address.writeUInt32LE(groups, 8);
  return address;
}

/** struct sockaddr_in or sockaddr_in6. */
export function inetAddress(host: string, port: number): Buffer {
  if (isIPv4(host)) {
    const address = Buffer.alloc(16);
    address.writeUInt16LE(AF.INET, 0);
    address.writeUInt16BE(port, 2);
    Buffer.from(host.split('.').map(Number)).copy(address, 4);
    return address;
  }
  if (!isIPv6(host) || host.includes('%')) throw new RangeError(`"${host}" is not an IP address`);
  const address = Buffer.alloc(28);
  address.writeUInt16LE(AF.INET6, 0);
  address.writeUInt16BE(port, 2);
  ipv6Bytes(host).copy(address, 8);
  return address;
}

/** A struct sockaddr as text: the path of a unix socket, @name for an abstract one, HOST:PORT ([HOST]:PORT for IPv6). */
export function addressText(address: Buffer): string {
  const family = address.length < 2 ? 0 : address.readUInt16LE(0);
  if (family === AF.UNIX) {
    const name = address.subarray(2);
    if (name[0] === 0) return name.length === 1 ? '' : `@${name.toString('utf8', 1)}`;
    const end = name.indexOf(0);
    return name.toString('utf8', 0, end < 0 ? name.length : end);
  }
  if (family === AF.INET) return `${[...address.subarray(4, 8)].join('.')}:${address.readUInt16BE(2)}`;
  if (family !== AF.INET6) throw new RangeError(`address family ${family} is not known`);
  const words = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(8 + index * 2).toString(16));
  return `[${new URL(`http://[${words.join(':')}]`).hostname.slice(1, -1)}]:${address.readUInt16BE(2)}`;
}

function ipv6Bytes(host: string): Buffer {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(host);
  const hex = (high = '0', low = '0'): string => ((Number(high) << 8) | Number(low)).toString(16);
  const plain = dotted === null ? host : `${dotted[1] ?? ''}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}`;
  const [left = '', right] = plain.split('::');
  const words = (side: string): number[] => (side === '' ? [] : side.split(':').map((word) => parseInt(word, 16)));
  const [head, tail] = [words(left), words(right ?? '')];
  const all = right === undefined ? head : [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  const bytes = Buffer.alloc(16);
  all.forEach((word, index) => bytes.writeUInt16BE(word, index * 2));
  return bytes;
}
