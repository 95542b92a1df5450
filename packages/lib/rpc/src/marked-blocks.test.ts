import { blockHead, markedBlocks } from './marked-blocks';

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test.each([1, 3, 7, 1000])('blocks come whole out of pieces of %i bytes, and one that is cut off does not', async (size) => {
  const block = (mark: string, text: string): Buffer => Buffer.concat([blockHead(Buffer.from(mark), text.length), Buffer.from(text)]);
  const sent = Buffer.concat([block('start', ''), block('a', 'one'), block('', 'x'.repeat(50)), block('b', 'two'), block('c', 'cut off')]);
  const got: string[] = [];
  for await (const { mark, pieces } of markedBlocks(inPieces(sent.subarray(0, -1), size))) got.push(`${mark}:${Buffer.concat(pieces)}`);
  expect(got).toEqual(['start:', 'a:one', `:${'x'.repeat(50)}`, 'b:two']);
});
