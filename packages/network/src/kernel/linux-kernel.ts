import { createSocket } from 'node:dgram';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { parseAddress, toBytes } from '../address/cidr';
import type { NetlinkPort } from '../netlink/connection';
import type { Protocol } from '../ports/port';
import type { HeldPort, PortTarget } from '../ports/publisher';
import { relayTcp, relayUdp } from '../ports/relay';
import type { DatagramHandler, Namespace, NamespaceListeners, NetworkKernel } from './kernel';
import { bindSocket, closeDescriptor, enterNamespace, openNetlink, receiveNow, sendAsync } from './syscalls';

const NETLINK = { route: 0, netfilter: 12 } as const;
/** Enough for a transaction with tens of thousands of map elements. */
const NETLINK_BUFFER = 8 * 1024 * 1024;
const RECEIVE_BYTES = 128 * 1024;
const DEFAULT_EPHEMERAL: readonly [number, number] = [32768, 60999];

/** The running kernel. The host's namespace is the one that the process is in when this is made. */
export class LinuxKernel implements NetworkKernel {
  readonly #home = openSync('/proc/self/ns/net', 'r');
  readonly #boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 8);
  readonly #buffer = Buffer.alloc(RECEIVE_BYTES);
  #ephemeral: readonly [number, number] | undefined;

  netlink(protocol: 'route' | 'netfilter', namespace?: Namespace): NetlinkPort {
    const fd = this.#inside(namespace, () => openNetlink(NETLINK[protocol], NETLINK_BUFFER));
    return {
      send: (datagram) => sendAsync(fd, datagram),
      receive: () => receiveNow(fd, this.#buffer),
      close: () => closeDescriptor(fd),
    };
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

  readSysctl(name: string, namespace?: Namespace): string | undefined {
    return this.#inside(namespace, () => absentAsUndefined(() => readFileSync(`/proc/sys/${name}`, 'utf8').trim()));
  }

  writeSysctl(name: string, value: string, namespace?: Namespace): boolean {
    return this.#inside(namespace, () => {
      try {
        writeFileSync(`/proc/sys/${name}`, value);
        return true;
      } catch (error) {
        // O_CREAT in procfs answers EACCES for a file that is not there
        if (!existsSync(`/proc/sys/${name}`)) return false;
        throw error;
      }
    });
  }

  async listenInside(namespace: Namespace, address: string, onDatagram: DatagramHandler, onConnection: (socket: Socket) => void): Promise<NamespaceListeners> {
    const bytes = toBytes(parseAddress(address) ?? 0);
    const [udp, tcp] = this.#inside(namespace, () => {
      const first = bindSocket('udp', bytes, 0, { deaf: false });
      try {
        return [first, bindSocket('tcp', bytes, 0, { deaf: false })] as const;
      } catch (error) {
        closeDescriptor(first.fd);
        throw error;
      }
    });
    const datagrams = createSocket('udp4');
    datagrams.on('message', (message, client) => onDatagram(message, (answer) => datagrams.send(answer, client.port, client.address, () => undefined)));
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

  hold(protocol: Protocol, ip: string, port: number): HeldPort {
    const { fd } = bindSocket(protocol, toBytes(parseAddress(ip) ?? 0), port, { deaf: true });
    return { close: () => closeDescriptor(fd) };
  }

  relay(protocol: Protocol, listen: PortTarget, target: PortTarget): Promise<HeldPort> {
    return protocol === 'tcp' ? relayTcp(listen, target) : relayUdp(listen, target);
  }

  ephemeralRange(): readonly [number, number] {
    this.#ephemeral ??= parseRange(this.readSysctl('net/ipv4/ip_local_port_range'));
    return this.#ephemeral;
  }

  hasIpv6(): boolean {
    return (absentAsUndefined(() => readFileSync('/proc/net/if_inet6', 'utf8')) ?? '') !== '';
  }

  close(): void {
    closeSync(this.#home);
  }

  #identity(device: number, inode: number): string {
    return `${device}:${inode}@${this.#boot}`;
  }

  /** Runs synchronous code with the main thread inside the namespace. Nothing else of the process can run meanwhile. */
  #inside<T>(namespace: Namespace | undefined, task: () => T): T {
    if (namespace === undefined) return task();
    enterNamespace(namespace.descriptor);
    try {
      return task();
    } finally {
      enterNamespace(this.#home);
    }
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
