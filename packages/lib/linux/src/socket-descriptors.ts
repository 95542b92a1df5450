import { MSG, SOL } from './constants';
import { addressOf, declare } from './libc';

const SCM_RIGHTS = 1;
const HEADER = 16; // struct cmsghdr on 64 bit: size_t length, int level, int type
const MOST = 253; // SCM_MAX_FD

const sendmsg = declare('sendmsg', 'long', ['int', 'void *', 'int']);
const recvmsg = declare('recvmsg', 'long', ['int', 'void *', 'int']);

/** struct msghdr with one data vector, for 64 bit: the buffers must stay referenced until the call is over. */
function message(data: Uint8Array, control: Buffer): { header: Buffer; vector: Buffer } {
  const vector = Buffer.alloc(16);
  vector.writeBigUInt64LE(addressOf(data), 0);
  vector.writeBigUInt64LE(BigInt(data.byteLength), 8);
  const header = Buffer.alloc(56);
  header.writeBigUInt64LE(addressOf(vector), 16);
  header.writeBigUInt64LE(1n, 24);
  if (control.length > 0) {
    header.writeBigUInt64LE(addressOf(control), 32);
    header.writeBigUInt64LE(BigInt(control.length), 40);
  }
  return { header, vector };
}

export function sendWithFds(fd: number, data: Uint8Array, fds: readonly number[], flags: number): number {
  const control = Buffer.alloc(fds.length === 0 ? 0 : (HEADER + fds.length * 4 + 7) & ~7);
  if (fds.length > 0) {
    control.writeBigUInt64LE(BigInt(HEADER + fds.length * 4), 0);
    control.writeInt32LE(SOL.SOCKET, 8);
    control.writeInt32LE(SCM_RIGHTS, 12);
    fds.forEach((item, index) => control.writeInt32LE(item, HEADER + index * 4));
  }
  const { header, vector } = message(data, control);
  const sent = sendmsg(undefined, fd, header, flags | MSG.NOSIGNAL);
  keep(vector, control, data);
  return sent;
}

export function recvWithFds(fd: number, into: Uint8Array, flags: number): { bytes: number; fds: number[] } {
  const control = Buffer.alloc(HEADER + MOST * 4 + 4);
  const { header, vector } = message(into, control);
  const bytes = recvmsg(undefined, fd, header, flags | MSG.CMSG_CLOEXEC);
  keep(vector, into);
  const filled = Number(header.readBigUInt64LE(40));
  const fds: number[] = [];
  for (let at = 0; at + HEADER <= filled;) {
    const length = Number(control.readBigUInt64LE(at));
    if (length < HEADER || at + length > filled) break;
    if (control.readInt32LE(at + 8) === SOL.SOCKET && control.readInt32LE(at + 12) === SCM_RIGHTS) {
      for (let item = at + HEADER; item + 4 <= at + length; item += 4) fds.push(control.readInt32LE(item));
    }
    at += (length + 7) & ~7;
  }
  return { bytes, fds };
}

/** A use after the call: the collector may not take a buffer whose address the kernel holds. */
function keep(...buffers: Uint8Array[]): void {
  for (const buffer of buffers) if (buffer.byteLength < 0) throw new RangeError('impossible');
}
