import { write } from 'node:fs';
import { promisify } from 'node:util';
import { F, MFD, MSG, SEAL, syscalls } from '@gantry/linux';

/** What no datagram holds goes in a sealed file without a name, as systemd-journald takes it. */
export async function sendFile(socket: number, entry: Buffer): Promise<void> {
  const file = syscalls.memfdCreate('gantry-log', MFD.CLOEXEC | MFD.ALLOW_SEALING);
  try {
    for (let at = 0; at < entry.length;) at += (await promisify(write)(file, entry, at)).bytesWritten;
    syscalls.fcntl(file, F.ADD_SEALS, SEAL.SHRINK | SEAL.GROW | SEAL.WRITE | SEAL.SEAL);
    syscalls.sendWithFds(socket, Buffer.alloc(0), [file], MSG.DONTWAIT);
  } finally {
    syscalls.close(file);
  }
}
