import type { Writable } from 'node:stream';
import { FrameReader, STDERR } from '@gantry/rpc/monitor';

type Outputs = { readonly stdout?: Writable; readonly stderr?: Writable };

/** Writes a process's output to its client as fast as that reads; to its end. What nobody asked for, or takes any more, is dropped. */
export async function carryOutput(source: AsyncIterable<Buffer>, tty: boolean, { stdout, stderr }: Outputs): Promise<void> {
  if (tty) {
    for await (const chunk of source) await written(stdout, chunk);
    return;
  }
  const frames = new FrameReader();
  for await (const chunk of source)
    for (const { stream, bytes } of frames.read(chunk)) await written(stream === STDERR ? stderr : stdout, bytes);
}

function written(target: Writable | undefined, bytes: Buffer): Promise<void> {
  if (target === undefined || target.destroyed) return Promise.resolve();
  return new Promise((resolve) => void target.write(bytes, () => resolve()));
}
