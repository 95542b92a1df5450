import type { Socket } from 'node:net';
import type { FirewallNews } from '../firewall/monitor';
import type { NetlinkPort } from '../netlink/connection';
import type { HostPorts } from '../ports/publisher';

/** An open network namespace. It stays alive as long as this is open: close it soon. */
export interface Namespace {
  readonly descriptor: number;
  /** Tells namespaces apart, also across a reboot. */
  readonly identity: string;
  close(): void;
}

/** A datagram and whom to answer. */
export type DatagramHandler = (message: Buffer, answer: (bytes: Buffer) => void) => void;

/** Sockets opened inside a namespace. They keep it alive until closed. */
export interface NamespaceListeners {
  readonly udpPort: number;
  readonly tcpPort: number;
  close(): void;
}

export interface Configuring {
  readonly netlink: NetlinkPort;
  /** The files are written, in their order. A thread does it: some wait until the kernel has taken another namespace apart. */
  readonly written: Promise<void>;
}

/** What the service needs of the kernel; tests on a real kernel use the real one, the rest a literal. */
export interface NetworkKernel extends HostPorts {
  /** A netlink socket of the host's namespace, or of another one. Throws an error with an errno `code`. */
  netlink(protocol: 'route' | 'netfilter' | 'xfrm', namespace?: Namespace): NetlinkPort;
  /** Calls back when somebody changed nf_tables of the host's namespace. */
  firewallNews(tell: () => void): FirewallNews;
  /** Opens files below /proc/sys inside the namespace (those that exist), which are then written, and a route socket there, in one visit. */
  configure(namespace: Namespace, sysctls: readonly (readonly [name: string, value: string])[]): Configuring;
  /** Throws an error with `code` ENOENT (or ESRCH) when the namespace is gone. */
  namespace(path: string): Namespace;
  /** Identity of the namespace at the path; undefined when there is none. */
  identityOf(path: string): string | undefined;
  /** A file of the host below /proc/sys. Undefined when it does not exist. */
  readSysctl(name: string): string | undefined;
  /** The same inside a namespace. */
  readSysctlInside(namespace: Namespace, name: string): string | undefined;
  /** False when the file does not exist. Throws when it cannot be written. */
  writeSysctl(name: string, value: string): boolean;
  /** The same inside a namespace. */
  writeSysctlInside(namespace: Namespace, name: string, value: string): boolean;
  /** A TCP connection made inside the namespace, half-open capable. */
  connectInside(namespace: Namespace, target: { readonly host: string; readonly port: number }): Promise<Socket>;
  /** Opens a UDP and a TCP socket on any port of the address inside the namespace. */
  listenInside(
    namespace: Namespace,
    address: string,
    onDatagram: DatagramHandler,
    onConnection: (socket: Socket) => void,
  ): Promise<NamespaceListeners>;
}
