import { spawn } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { dataLoss, notImplemented } from '@gantry/rpc';

/** Compressions that Node cannot read, by their first bytes: the host's program reads them, as it does for dockerd. */
const programs = [
  { program: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00] },
  { program: 'bzip2', magic: [0x42, 0x5a, 0x68] },
] as const;

const LONGEST_MAGIC = 6;

/** The stream without an outer xz or bzip2 compression; any other comes back as it is. Throws notImplemented when the host has no such program. */
export async function peeled(source: AsyncIterable<Buffer>): Promise<AsyncIterable<Buffer>> {
  const iterator = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < LONGEST_MAGIC) {
    const next = await iterator.next();
    if (next.done === true) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  const whole = (async function* (): AsyncGenerator<Buffer> {
    if (head.length > 0) yield head;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  })();
  const found = programs.find(({ magic }) => magic.every((byte, at) => head[at] === byte));
  return found === undefined ? whole : throughProgram(found.program, whole);
}

async function* throughProgram(program: string, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const child = spawn(program, ['-d', '-c', '-q'], { stdio: ['pipe', 'pipe', 'pipe'], env: {} });
  const output = child.stdout.pipe(new PassThrough());
  const complaints: Buffer[] = [];
  child.stderr.on('data', (part: Buffer) => complaints.push(part));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      output.destroy();
      reject(cause.code === 'ENOENT' ? notImplemented(`the archive is compressed with ${program}, which the host does not have`) : cause);
    });
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(dataLoss(`broken ${program} archive: ${Buffer.concat(complaints).toString().trim() || `exit code ${code}`}`));
    });
  });
  ended.catch(() => undefined); // waited for below, unless the reader leaves
  // A program that gave up says why by its exit; a source that fails is told by its own error.
  const fed = pipeline(Readable.from(source, { objectMode: false }), child.stdin).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_PREMATURE_CLOSE' || error.code === 'ERR_STREAM_DESTROYED') return;
    child.kill('SIGKILL');
    throw error;
  });
  fed.catch(() => undefined);
  try {
    try {
      for await (const part of output) yield part as Buffer;
    } catch (error) {
      await ended; // its reason comes first
      throw error;
    }
    await fed;
    await ended;
  } finally {
    child.kill('SIGKILL');
  }
}
