import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { peeled } from './host-decompress';

const body = Buffer.from('a tar would be here\n'.repeat(20_000));

async function* inPieces(bytes: Buffer, size = 1000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of await peeled(source)) parts.push(part);
  return Buffer.concat(parts);
}

const there = (program: string): boolean => ['/usr/bin', '/bin'].some((dir) => existsSync(`${dir}/${program}`));

test.each([
  ['as it is', body],
  ['shorter than any magic', Buffer.from('BZ')],
  ['empty', Buffer.alloc(0)],
])('%s', async (_what, bytes) => {
  expect((await read(inPieces(bytes, 1))).equals(bytes)).toBe(true);
});

describe.each(['xz', 'bzip2'].filter(there))('%s', (program) => {
  const packed = execFileSync(program, ['-c'], { input: body });

  test('is unpacked, in whatever pieces it comes', async () => {
    for (const size of [1, 7, 100_000]) expect((await read(inPieces(packed, size))).equals(body)).toBe(true);
  });

  test('cut short is an error', async () => {
    await expect(read(inPieces(packed.subarray(0, packed.length - 5)))).rejects.toMatchObject({ kind: 'dataLoss' });
  });

  test('a source that fails is told', async () => {
    const failing = async function* (): AsyncGenerator<Buffer> {
      yield packed.subarray(0, 20);
      throw new Error('the client is gone');
    };
    await expect(read(failing())).rejects.toThrow('the client is gone');
  });
});
