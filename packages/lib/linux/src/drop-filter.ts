import { SOL } from './constants';
import { addressOf } from './libc';
import { syscalls } from './linux-syscalls';

const SO_ATTACH_FILTER = 26;
/** The classic BPF program `ret #0`. */
const DROP_ALL = Buffer.from([0x06, 0, 0, 0, 0, 0, 0, 0]);

/** Makes the kernel drop every packet before the socket sees it (socket(7), SO_ATTACH_FILTER): a socket that only occupies its port. */
export function dropAllPackets(fd: number): void {
  const program = Buffer.alloc(16); // struct sock_fprog on 64 bit: u16 length, pointer
  program.writeUInt16LE(1, 0);
  program.writeBigUInt64LE(addressOf(DROP_ALL), 8);
  syscalls.setsockopt(fd, SOL.SOCKET, SO_ATTACH_FILTER, program);
}
