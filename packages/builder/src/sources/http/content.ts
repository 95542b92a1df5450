import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { bodyOf, type Response } from '@gantry/registry';

/** The bytes of a file as its server means them: packed on the way is not packed on disk. */
export async function* contentOf(answer: Response, name: string): AsyncGenerator<Buffer> {
  const body = bodyOf(answer, name);
  if (answer.headers['content-encoding']?.toLowerCase() !== 'gzip') return yield* body;
  const unpacked = createGunzip();
  pipeline(Readable.from(body, { objectMode: false }), unpacked, () => undefined);
  for await (const part of unpacked) yield part as Buffer;
}
