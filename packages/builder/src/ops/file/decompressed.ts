import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { dataLoss, notImplemented } from '@gantry/rpc';

const CHUNK = 1 << 20;

/** Compressions that Node cannot read are read by the host's program, as by the original; never by one of the tree's. */
const methods: readonly { readonly magic: readonly number[]; readonly open: (file: Readable) => Readable }[] = [
  { magic: [0x1f, 0x8b, 0x08], open: (file) => through(file, createGunzip({ chunkSize: CHUNK })) },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], open: (file) => through(file, createZstdDecompress({ chunkSize: CHUNK })) },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], open: (file) => program('xz', file) },
  { magic: [0x42, 0x5a, 0x68], open: (file) => program('bzip2', file) },
];

const LONGEST = 6;

/** A file's bytes without the compression that its first bytes tell. */
export async function decompressed(file: Readable): Promise<Readable> {
  if (file.readableLength === 0 && !file.readableEnded) await Promise.race([once(file, 'readable'), once(file, 'end')]);
  const head = (file.read() as Buffer | null) ?? Buffer.alloc(0);
  if (head.length > 0) file.unshift(head);
  const method = methods.find(
    ({ magic }) => head.length >= Math.min(LONGEST, magic.length) && magic.every((byte, at) => head[at] === byte),
  );
  return method === undefined ? file : method.open(file);
}

function through(file: Readable, decompressor: NodeJS.ReadWriteStream & Readable): Readable {
  pipeline(file, decompressor).catch((error: Error) => decompressor.destroy(error));
  return decompressor;
}

function program(name: string, file: Readable): Readable {
  const child = spawn(name, ['-d', '-c', '-q'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  const output = new PassThrough({ highWaterMark: CHUNK });
  child.stdin.on('error', () => undefined); // its exit says why
  child.once('error', (cause: NodeJS.ErrnoException) =>
    output.destroy(
      cause.code === 'ENOENT' ? notImplemented(`the archive is compressed with ${name}, which the host does not have`) : cause,
    ),
  );
  child.stdout.pipe(output, { end: false });
  child.once('close', (code) => (code === 0 ? output.end() : output.destroy(dataLoss(`broken ${name} archive`))));
  output.once('close', () => child.kill('SIGKILL'));
  file.pipe(child.stdin);
  return output;
}
