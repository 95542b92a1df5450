import type { Writable } from 'node:stream';

type Outputs = { readonly stdout?: Writable; readonly stderr?: Writable };

const HEAD = 8;
const STDERR = 2;

/** Writes a process's output to its client as fast as that reads; to its end. What nobody asked for, or takes any more, is dropped. */
export async function carryOutput(source: AsyncIterable<Buffer>, tty: boolean, { stdout, stderr }: Outputs): Promise<void> {
  if (tty) {
    for await (const chunk of source) await written(stdout, chunk);
    return;
  }
  let head = Buffer.alloc(0);
  let left = 0;
  let target: Writable | undefined;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      if (left > 0) {
        const part = chunk.subarray(at, at + left);
        [at, left] = [at + part.length, left - part.length];
        await written(target, part);
        continue;
      }
      const more = chunk.subarray(at, at + HEAD - head.length);
      at += more.length;
      head = Buffer.concat([head, more]);
      if (head.length < HEAD) break;
      target = head[0] === STDERR ? stderr : stdout;
      left = head.readUInt32BE(4);
      head = Buffer.alloc(0);
    }
  }
}

function written(target: Writable | undefined, bytes: Buffer): Promise<void> {
  if (target === undefined || target.destroyed) return Promise.resolve();
  return new Promise((resolve) => void target.write(bytes, () => resolve()));
}
