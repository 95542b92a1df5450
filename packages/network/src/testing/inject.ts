import { createSocket } from 'node:dgram';
import type { TestSandbox } from './host';
import { parseAddress, parseMac, toBytes } from '../address/cidr';

const INNER_PORT = 7777;

/** A datagram of UDP in a frame for an endpoint, as VXLAN carries it in the clear. */
export function plainPacket(vni: number, to: { readonly mac: string; readonly address: string }, word: string): Buffer {
  const data = Buffer.from(word);
  const header = Buffer.alloc(8 + 14 + 20 + 8);
  header.writeUInt8(0x08, 0); // there is a VXLAN id
  header.writeUIntBE(vni, 4, 3);
  (parseMac(to.mac) ?? Buffer.alloc(6)).copy(header, 8);
  Buffer.from([2, 0, 0, 0, 0, 99]).copy(header, 14);
  header.writeUInt16BE(0x0800, 20);
  const ip = header.subarray(22);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(28 + data.length, 2);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(17, 9);
  const destination = toBytes(parseAddress(to.address) ?? { family: 4, value: 0n });
  destination.copy(ip, 16);
  destination.copy(ip, 12);
  ip.writeUInt8(ip.readUInt8(15) ^ 1, 15); // a neighbour's address
  ip.writeUInt16BE(sumOf(ip.subarray(0, 20)), 10);
  ip.writeUInt16BE(9, 20);
  ip.writeUInt16BE(INNER_PORT, 22);
  ip.writeUInt16BE(8 + data.length, 24); // without a checksum
  return Buffer.concat([header, data]);
}

function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Sends it to a host, from the namespace that this process is in. */
export function inject(host: string, packet: Buffer): Promise<void> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve, reject) => {
    socket.send(packet, 4789, host, (error) => {
      socket.close();
      if (error === null) resolve();
      else reject(error);
    });
  });
}

/** Counts what comes for a sandbox; each call of the answer tells of all until then. */
export async function countIn(sandbox: TestSandbox): Promise<() => Promise<number>> {
  const chain = 'add table ip t; add chain ip t c { type filter hook prerouting priority 0; }';
  await sandbox.run('nft', `${chain}; add rule ip t c udp dport ${INNER_PORT} counter`);
  return async () => Number(/counter packets (\d+)/.exec(await sandbox.run('nft', 'list', 'table', 'ip', 't'))?.[1] ?? Number.NaN);
}
