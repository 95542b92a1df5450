import { execFileSync } from 'node:child_process';

/** A tar of a folder, a file of root and one of 1:2, and a link; of 2001. */
export const smallTar: Buffer = Buffer.concat([
  header('in/', '5', 0o755, 0, 0, 0),
  header('in/file', '0', 0o640, 0, 0, 3),
  block('hi\n'),
  header('in/owned', '0', 0o4711, 1, 2, 2),
  block('o\n'),
  header('in/link', '2', 0o777, 0, 0, 0, 'file'),
  Buffer.alloc(1024),
]);

function block(text: string): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.write(text);
  return bytes;
}

/** One header of ustar (POSIX 1003.1, "ustar Interchange Format"). */
function header(name: string, kind: string, mode: number, uid: number, gid: number, size: number, link = ''): Buffer {
  const bytes = Buffer.alloc(512);
  const octal = (value: number, at: number, width: number): void => void bytes.write(`${value.toString(8).padStart(width - 1, '0')}\0`, at);
  bytes.write(name, 0);
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(size, 124, 12);
  octal(1_000_000_000, 136, 12);
  bytes.fill(' ', 148, 156);
  bytes.write(kind, 156);
  bytes.write(link, 157);
  bytes.write('ustar\0' + '00', 257);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return bytes;
}

/** A compressed form of it, by a program of Debian's. */
export const packedBy = (program: string): Buffer => execFileSync(program, ['-c'], { input: smallTar });
