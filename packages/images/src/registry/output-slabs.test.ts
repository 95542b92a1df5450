import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { OutputSlabs } from './output-slabs';

/** What sh writes to descriptor 3. */
function saying(script: string): { output: OutputSlabs; ended: Promise<unknown>; kill: () => void } {
  const output = new OutputSlabs();
  const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'ignore', 'ignore', output.descriptor] });
  output.given();
  return { output, ended: once(child, 'close'), kill: () => child.kill('SIGKILL') };
}

/** So many numbers, one a line: no part is like another. */
const lines = (count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, at) => `${at + 1}\n`).join(''));

test.each([0, 1, 150_000, 1_500_000])('%i lines come whole through a slow stream that sends them', async (count) => {
  const { output, ended } = saying(`seq 1 ${count} >&3`);
  const got: Buffer[] = [];
  const slow = new Writable({
    highWaterMark: 16 << 10,
    // As a socket does: the bytes are looked at when the kernel takes them, a while after they were given.
    write: (part: Buffer, _encoding, done) => setTimeout(() => (got.push(Buffer.from(part)), done()), 5),
  });
  await pipeline(Readable.from(output.parts(), { objectMode: false }), slow);
  expect(Buffer.concat(got).equals(lines(count))).toBe(true);
  await ended;
  output.close();
});

test('the end of a killed program is the end of its output, and a program waits for a reader that does not come', async () => {
  const { output, ended, kill } = saying('exec seq 1 100000000 >&3');
  const parts = output.parts();
  const first = (await parts.next()).value as Buffer;
  expect(first.subarray(0, 4).toString()).toBe('1\n2\n');
  kill();
  await ended;
  let more = 0;
  for await (const part of parts) more += part.length;
  expect(more).toBeLessThan(6 << 20);
  output.close();
});
