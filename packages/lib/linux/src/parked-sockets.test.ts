import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { AF, SO, SOCK, SOL } from './constants';
import { endSignals, FirstReads, signalReads } from './first-reads';
import { syscalls } from './linux-syscalls';
import { BATCH, ParkedSockets, type ParkedSocket } from './parked-sockets';
import { inetAddress } from './socket-address';

const descriptors = (): number => readdirSync('/proc/self/fd').length;

/** A listening socket at a port of its own; none where another one listens. */
function listening(port = 0): { fd: number; port: number } {
  const fd = syscalls.socket(AF.INET, SOCK.STREAM, 0);
  try {
    signalReads(fd);
    syscalls.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, Buffer.from([1, 0, 0, 0]));
    syscalls.bind(fd, inetAddress('127.0.0.1', port));
    syscalls.listen(fd, 1);
    return { fd, port: syscalls.getsockname(fd).readUInt16BE(2) };
  } catch (error) {
    syscalls.close(fd);
    throw error;
  }
}

describe('parked sockets', () => {
  it('stay open by one descriptor for a batch, until they are closed', () => {
    const before = descriptors();
    const parked = new ParkedSockets();
    const all: (ParkedSocket & { port: number })[] = Array.from({ length: 2 * BATCH + 3 }, () => {
      const { fd, port } = listening();
      return { port, ...parked.park(fd) };
    });
    expect(descriptors() - before).toBe(2 + 3);
    for (const { port } of [all[0], all[BATCH], all.at(-1)].flatMap((one) => one ?? []))
      expect(() => listening(port)).toThrow('EADDRINUSE');
    all[7]?.close();
    all[7]?.close();
    syscalls.close(listening(all[7]?.port).fd);
    expect(() => listening(all[8]?.port)).toThrow('EADDRINUSE');
    for (const one of all) one.close();
    expect(descriptors()).toBe(before);
  });

  it('are had back, each as what it was', () => {
    const parked = new ParkedSockets();
    const all = Array.from({ length: BATCH }, () => {
      const { fd, port } = listening();
      return { port, ...parked.park(fd) };
    });
    const fd = all[99]?.take() ?? -1;
    expect(syscalls.getsockname(fd).readUInt16BE(2)).toBe(all[99]?.port);
    expect(() => all[99]?.take()).toThrow('taken twice');
    syscalls.close(fd);
    for (const one of all) one.close();
  });
});

describe('first reads', () => {
  it('are told once, also of sockets whose descriptors are closed', async () => {
    const reads = new FirstReads();
    const parked = new ParkedSockets();
    const told: number[] = [];
    let heard: () => void = () => undefined;
    const all = Array.from({ length: BATCH }, (_, index) => {
      const { fd, port } = listening();
      reads.add(fd, () => {
        told.push(index);
        heard();
      });
      return { port, ...parked.park(fd) };
    });
    try {
      for (const index of [3, 200]) {
        const next = new Promise<void>((resolve) => (heard = resolve));
        connect(all[index]?.port ?? 0, '127.0.0.1').on('error', () => undefined);
        await next;
      }
      expect([told, reads.size]).toEqual([[3, 200], BATCH - 2]);
      const fd = all[3]?.take() ?? -1;
      endSignals(fd);
      syscalls.close(fd);
    } finally {
      for (const one of all) one.close();
      reads.close();
    }
  });
});
