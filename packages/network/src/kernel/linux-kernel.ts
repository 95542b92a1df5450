import { createSocket } from 'node:dgram';
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync, statSync, write as writeFile, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { promisify } from 'node:util';
import { NETLINK, NetlinkSocket, ParkedSockets, SOL, inNetworkNamespace, onReadable, syscalls } from '@gantry/linux';
import type { FirewallNews } from '../firewall/monitor';
import type { NetlinkPort } from '../netlink/connection';
import type { Protocol, RelayedProtocol } from '../ports/port';
import type { HeldPort, PortTarget } from '../ports/publisher';
import type { Configuring, DatagramHandler, Namespace, NamespaceListeners, NetworkKernel } from './kernel';
import { connectInside } from './connect-inside';
import { SleepingRelays } from './sleeping-relays';
import { bindSocket } from './sockets';

const write = promisify(writeFile);
const PROTOCOLS = { route: NETLINK.ROUTE, netfilter: NETLINK.NETFILTER, xfrm: NETLINK.XFRM } as const;
/** NFNLGRP_NFTABLES, as a bit. */
const NFTABLES_NEWS = 1 << 6;
const SO_SNDBUFFORCE = 32;
/** Enough for a transaction with tens of thousands of map elements. */
const SEND_BUFFER = 8 * 1024 * 1024;
const DEFAULT_EPHEMERAL: readonly [number, number] = [32768, 60999];

/** The running kernel. The host's namespace is the one that the process is in. */
export class LinuxKernel implements NetworkKernel {
  readonly #boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 8);
  readonly #parked = new ParkedSockets();
  readonly #relays = new SleepingRelays(this.#parked);
  #ephemeral: readonly [number, number] | undefined;

  netlink(protocol: 'route' | 'netfilter' | 'xfrm', namespace?: Namespace): NetlinkPort {
    if (namespace !== undefined) return new NetlinkSocket(PROTOCOLS[protocol], { namespace: namespace.descriptor });
    const socket = new NetlinkSocket(PROTOCOLS[protocol]);
    const size = Buffer.alloc(4);
    size.writeInt32LE(SEND_BUFFER);
    syscalls.setsockopt(socket.fd, SOL.SOCKET, SO_SNDBUFFORCE, size);
    return socket;
  }

  firewallNews(tell: () => void): FirewallNews {
    const socket = new NetlinkSocket(NETLINK.NETFILTER, { groups: NFTABLES_NEWS });
    const forget = onReadable(socket.fd, tell);
    return {
      receive: () => socket.receive(),
      close: () => {
        forget();
        socket.close();
      },
    };
  }

  configure(namespace: Namespace, sysctls: readonly (readonly [name: string, value: string])[]): Configuring {
    return inNetworkNamespace(namespace.descriptor, () => {
      const netlink = new NetlinkSocket(NETLINK.ROUTE);
      const written = writeAll(openSysctls(sysctls));
      written.catch(() => undefined); // whoever configures waits for it, unless something else failed before
      return { netlink, written };
    });
  }

  namespace(path: string): Namespace {
    const descriptor = openSync(path, 'r');
    const { dev, ino } = fstatSync(descriptor);
    return { descriptor, identity: this.#identity(dev, ino), close: () => closeSync(descriptor) };
  }

  identityOf(path: string): string | undefined {
    try {
      const { dev, ino } = statSync(path);
      return this.#identity(dev, ino);
    } catch {
      return undefined;
    }
  }

  readSysctl(name: string): string | undefined {
    return absentAsUndefined(() => readFileSync(`/proc/sys/${name}`, 'utf8').trim());
  }

  readSysctlInside(namespace: Namespace, name: string): string | undefined {
    return inNetworkNamespace(namespace.descriptor, () => this.readSysctl(name));
  }

  writeSysctlInside(namespace: Namespace, name: string, value: string): boolean {
    return inNetworkNamespace(namespace.descriptor, () => this.writeSysctl(name, value));
  }

  writeSysctl(name: string, value: string): boolean {
    try {
      writeFileSync(`/proc/sys/${name}`, value);
      return true;
    } catch (error) {
      // O_CREAT in procfs answers EACCES for a file that is not there
      if (!existsSync(`/proc/sys/${name}`)) return false;
      throw error;
    }
  }

  async listenInside(
    namespace: Namespace,
    address: string,
    onDatagram: DatagramHandler,
    onConnection: (socket: Socket) => void,
  ): Promise<NamespaceListeners> {
    const [udp, tcp] = inNetworkNamespace(namespace.descriptor, () => {
      const first = bindSocket('udp', { host: address, port: 0 }, { deaf: false });
      try {
        return [first, bindSocket('tcp', { host: address, port: 0 }, { deaf: false })] as const;
      } catch (error) {
        syscalls.close(first.fd);
        throw error;
      }
    });
    const datagrams = createSocket('udp4');
    datagrams.on('message', (message, client) =>
      onDatagram(message, (answer) => datagrams.send(answer, client.port, client.address, () => undefined)),
    );
    datagrams.on('error', () => undefined);
    const server = createServer(onConnection);
    server.on('error', () => undefined);
    await Promise.all([
      new Promise<void>((resolve) => datagrams.bind({ fd: udp.fd }, resolve)),
      new Promise<void>((resolve) => server.listen({ fd: tcp.fd }, resolve)),
    ]);
    return {
      udpPort: udp.port,
      tcpPort: tcp.port,
      close: () => {
        datagrams.close();
        server.close();
      },
    };
  }

  connectInside(namespace: Namespace, target: { readonly host: string; readonly port: number }): Promise<Socket> {
    return connectInside(namespace.descriptor, target);
  }

  hold(protocol: Protocol, ip: string, port: number): HeldPort {
    return this.#parked.park(bindSocket(protocol, { host: ip, port }, { deaf: true }).fd);
  }

  relay(protocol: RelayedProtocol, listen: PortTarget, target: PortTarget): HeldPort {
    return this.#relays.listen(protocol, listen, target);
  }

  ephemeralRange(): readonly [number, number] {
    this.#ephemeral ??= parseRange(this.readSysctl('net/ipv4/ip_local_port_range'));
    return this.#ephemeral;
  }

  hasIpv6(): boolean {
    return (absentAsUndefined(() => readFileSync('/proc/net/if_inet6', 'utf8')) ?? '') !== '';
  }

  #identity(device: number, inode: number): string {
    return `${device}:${inode}@${this.#boot}`;
  }
}

interface OpenFile {
  readonly file: number;
  readonly value: string;
}

/** Which namespace a file below /proc/sys is of is settled when it is opened. */
function openSysctls(sysctls: readonly (readonly [name: string, value: string])[]): OpenFile[] {
  return sysctls.flatMap(([name, value]) => {
    const file = absentAsUndefined(() => openSync(`/proc/sys/${name}`, constants.O_WRONLY));
    return file === undefined ? [] : [{ file, value }];
  });
}

async function writeAll(files: readonly OpenFile[]): Promise<void> {
  try {
    for (const { file, value } of files) await write(file, value);
  } finally {
    for (const { file } of files) closeSync(file);
  }
}

function absentAsUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function parseRange(text: string | undefined): readonly [number, number] {
  const [low, high] = (text ?? '').split(/\s+/).map(Number);
  return low !== undefined && high !== undefined && low > 0 && high >= low ? [low, high] : DEFAULT_EPHEMERAL;
}
