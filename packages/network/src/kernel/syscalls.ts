/** The socket and namespace calls of this service (socket(7), setns(2), netlink(7)), through FFI. Every failure is an error with an errno `code`. */
import { constants } from 'node:os';
import koffi from 'koffi';

const NAMES = new Map(Object.entries(constants.errno).map(([name, value]) => [value, name]));

const libc = koffi.load('libc.so.6');
koffi.struct('gantry_sock_fprog', { len: 'uint16', filter: 'void *' });
const c = {
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  bind: libc.func('int bind(int fd, const void *address, uint32 length)'),
  listen: libc.func('int listen(int fd, int backlog)'),
  getsockname: libc.func('int getsockname(int fd, _Out_ void *address, _Inout_ uint32 *length)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int option, const void *value, uint32 length)'),
  attachFilter: libc.func('setsockopt', 'int', ['int', 'int', 'int', 'gantry_sock_fprog *', 'uint32']),
  send: libc.func('long send(int fd, const void *bytes, size_t length, int flags)'),
  recv: libc.func('long recv(int fd, _Out_ void *bytes, size_t length, int flags)'),
  setns: libc.func('int setns(int fd, int kind)'),
  close: libc.func('int close(int fd)'),
};

const CLOEXEC = 0o2000000;
const AF = { inet: 2, netlink: 16 } as const;
const SOCK = { stream: 1, datagram: 2, raw: 3 } as const;
const SOL_SOCKET = 1;
const SO = { reuseAddress: 2, attachFilter: 26, sendBufferForce: 32, receiveBufferForce: 33 } as const;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const CLONE_NEWNET = 0x40000000;
const DONT_WAIT = 0x40;
/** The classic BPF program `ret #0`: every packet is dropped before the socket sees it. */
const DROP_ALL = Buffer.from([0x06, 0, 0, 0, 0, 0, 0, 0]);
const SOCKADDR_IN = 16;

function failed(call: string): NodeJS.ErrnoException {
  const errno = koffi.errno();
  const code = NAMES.get(errno) ?? `errno ${errno}`;
  return Object.assign(new Error(`${call}: ${code}`), { code, errno, syscall: call });
}

function checked(call: string, result: number): number {
  if (result < 0) throw failed(call);
  return result;
}

function option(fd: number, level: number, name: number, value: number): void {
  checked('setsockopt', c.setsockopt(fd, level, name, koffi.as([value], 'int *'), 4) as number);
}

export function closeDescriptor(fd: number): void {
  c.close(fd);
}

/** Moves the calling thread into a network namespace. Whoever calls this goes back before anything else runs. */
export function enterNamespace(fd: number): void {
  checked('setns', c.setns(fd, CLONE_NEWNET) as number);
}

export function openNetlink(protocol: number, bufferBytes: number): number {
  const fd = checked('socket', c.socket(AF.netlink, SOCK.raw | CLOEXEC, protocol) as number);
  option(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  option(fd, SOL_SOCKET, SO.sendBufferForce, bufferBytes);
  option(fd, SOL_SOCKET, SO.receiveBufferForce, bufferBytes);
  return fd;
}

/** Sends on a thread of the pool: the kernel may make the caller wait for its rtnl lock. */
export function sendAsync(fd: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    c.send.async(fd, bytes, bytes.length, 0, (error: Error | null, result: number) => {
      if (error !== null) reject(error);
      else if (result < 0) reject(failed('send'));
      else resolve();
    });
  });
}

/** Fills the buffer with the next datagram; undefined when none is queued. */
export function receiveNow(fd: number, buffer: Buffer): Buffer | undefined {
  const length = c.recv(fd, buffer, buffer.length, DONT_WAIT) as number;
  if (length >= 0) return Buffer.from(buffer.subarray(0, length));
  const error = failed('recv');
  if (error.code === 'EAGAIN') return undefined;
  throw error;
}

function socketAddress(address: Buffer, port: number): Buffer {
  const out = Buffer.alloc(SOCKADDR_IN);
  out.writeUInt16LE(AF.inet, 0);
  out.writeUInt16BE(port, 2);
  address.copy(out, 4);
  return out;
}

/** A bound IPv4 socket in the thread's namespace; a TCP one listens. */
export function bindSocket(protocol: 'tcp' | 'udp', address: Buffer, port: number, options: { readonly deaf: boolean }): { fd: number; port: number } {
  const fd = checked('socket', c.socket(AF.inet, (protocol === 'tcp' ? SOCK.stream : SOCK.datagram) | CLOEXEC, 0) as number);
  try {
    if (protocol === 'tcp') option(fd, SOL_SOCKET, SO.reuseAddress, 1);
    if (options.deaf) checked('setsockopt', c.attachFilter(fd, SOL_SOCKET, SO.attachFilter, { len: 1, filter: DROP_ALL }, 16) as number);
    checked('bind', c.bind(fd, socketAddress(address, port), SOCKADDR_IN) as number);
    if (protocol === 'tcp') checked('listen', c.listen(fd, options.deaf ? 1 : 128) as number);
    const bound = Buffer.alloc(SOCKADDR_IN);
    checked('getsockname', c.getsockname(fd, bound, [SOCKADDR_IN]) as number);
    return { fd, port: bound.readUInt16BE(2) };
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}
