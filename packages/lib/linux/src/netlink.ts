import { AF, MSG, SO, SOCK, SOL } from './constants';
import { syscalls } from './linux-syscalls';
import { inNetworkNamespace, type NamespaceHandle } from './namespace';
import { netlinkAddress } from './socket-address';
import { hasCode } from './syscall-error';

/** netlink(7) protocols. */
export const NETLINK = { ROUTE: 0, XFRM: 6, NETFILTER: 12, GENERIC: 16 } as const;

const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const RECEIVE_BUFFER = 4 * 1024 * 1024;

export interface NetlinkOptions {
  /** Network namespace to speak to; default the thread's own. It is entered only to open the socket, which stays tied to it. */
  readonly namespace?: NamespaceHandle;
  /** Multicast groups, as a bit mask. */
  readonly groups?: number;
}

/**
 * A raw netlink socket: whole datagrams in and out, kernel only, extended acknowledgements on (error text as an attribute, no echo of the
 * request). The kernel answers rtnetlink and nf_tables within the send. Close it; the collector does not.
 */
export class NetlinkSocket {
  readonly fd: number;
  private open = true;
  private readonly buffer = Buffer.alloc(64 * 1024);

  constructor(protocol: number, options: NetlinkOptions = {}) {
    const make = (): number => syscalls.socket(AF.NETLINK, SOCK.RAW, protocol);
    this.fd = options.namespace === undefined ? make() : inNetworkNamespace(options.namespace, make);
    try {
      syscalls.bind(this.fd, netlinkAddress(0, options.groups));
      for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK]) this.set(SOL.NETLINK, option, 1);
      if (protocol === NETLINK.ROUTE) this.set(SOL.NETLINK, NETLINK_GET_STRICT_CHK, 1);
      this.set(SOL.SOCKET, SO.RCVBUF, RECEIVE_BUFFER);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** What the kernel calls it: messages that follow from its requests come from there. */
  get portId(): number {
    return syscalls.getsockname(this.fd).readUInt32LE(4);
  }

  /** Hands a datagram to the kernel off the event loop: it may wait there for the rtnl or the nft lock. */
  async send(datagram: Uint8Array): Promise<void> {
    await syscalls.async.sendto(this.fd, datagram, 0, netlinkAddress());
  }

  /** The same at once, where a short wait does no harm. */
  sendSync(datagram: Uint8Array): void {
    syscalls.sendto(this.fd, datagram, 0, netlinkAddress());
  }

  /** The next queued datagram, whole; undefined when there is none. Throws ENOBUFS once when the kernel had to drop some. */
  receive(): Buffer | undefined {
    try {
      const length = syscalls.recv(this.fd, this.buffer, MSG.DONTWAIT | MSG.PEEK | MSG.TRUNC);
      const into = length > this.buffer.length ? Buffer.alloc(length) : this.buffer;
      const bytes = syscalls.recv(this.fd, into, MSG.DONTWAIT);
      return Buffer.from(into.subarray(0, bytes));
    } catch (error) {
      if (hasCode(error, 'EAGAIN')) return undefined;
      throw error;
    }
  }

  close(): void {
    if (this.open) syscalls.close(this.fd);
    this.open = false;
  }

  private set(level: number, option: number, value: number): void {
    const raw = Buffer.alloc(4);
    raw.writeInt32LE(value);
    syscalls.setsockopt(this.fd, level, option, raw);
  }
}
