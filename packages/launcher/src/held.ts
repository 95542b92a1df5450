import { lookup } from 'node:dns/promises';
import { fchmodSync, lstatSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { AF, inetAddress, SO, SOCK, SOL, syscalls, unixAddress } from '@gantry/linux';
import { BACKLOG, checkSocketPath, removeStaleSocket, takeHeldSocket } from '@gantry/rpc';

interface Held {
  readonly address: string;
  readonly fd: number;
  /** Number of the name that we made; undefined for a port, and for a socket that systemd made for us. */
  readonly inode: number | undefined;
}

/** Listening sockets of one service, kept while it restarts: whoever calls meanwhile waits in their queues. */
export class HeldSockets {
  private readonly held = new Map<string, Held>();

  constructor(private readonly addresses: readonly string[]) {}

  /** Opens what is not open, and anew what has lost its name. In the order of the addresses. */
  async open(): Promise<readonly number[]> {
    for (const address of this.addresses) {
      const known = this.held.get(address);
      if (known !== undefined && (known.inode === undefined || known.inode === inodeOf(address))) continue;
      if (known !== undefined) syscalls.close(known.fd);
      this.held.delete(address);
      this.held.set(address, await (address.startsWith('/') ? holdPath(address) : holdPort(address)));
    }
    return this.addresses.flatMap((address) => this.held.get(address)?.fd ?? []);
  }

  /** Whoever waits is refused, and so is whoever comes. */
  async close(): Promise<void> {
    for (const { address, fd, inode } of this.held.values()) {
      syscalls.close(fd);
      if (inode !== undefined && inode === inodeOf(address)) await rm(address, { force: true });
    }
    this.held.clear();
  }
}

/** Bound at its own name, by which the service knows it. The mode of the descriptor becomes the name's. */
async function holdPath(path: string): Promise<Held> {
  const handed = takeHeldSocket(path);
  if (handed !== undefined) return { address: path, fd: handed, inode: undefined };
  await mkdir(dirname(path), { recursive: true, mode: 0o711 });
  await removeStaleSocket(checkSocketPath(path));
  return { address: path, fd: listening(AF.UNIX, unixAddress(path)), inode: inodeOf(path) };
}

async function holdPort(address: string): Promise<Held> {
  const handed = takeHeldSocket(address);
  if (handed !== undefined) return { address, fd: handed, inode: undefined };
  const colon = address.lastIndexOf(':');
  const name = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const host = isIP(name) === 0 ? (await lookup(name)).address : name;
  const family = isIP(host) === 6 ? AF.INET6 : AF.INET;
  return { address, fd: listening(family, inetAddress(host, Number(address.slice(colon + 1)))), inode: undefined };
}

function listening(family: number, address: Buffer): number {
  const fd = syscalls.socket(family, SOCK.STREAM, 0);
  try {
    if (family === AF.UNIX) fchmodSync(fd, 0o600);
    else syscalls.setsockopt(fd, SOL.SOCKET, SO.REUSEADDR, Buffer.from([1, 0, 0, 0]));
    syscalls.bind(fd, address);
    syscalls.listen(fd, BACKLOG);
    return fd;
  } catch (error) {
    syscalls.close(fd);
    throw error;
  }
}

function inodeOf(path: string): number | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.ino;
}
