import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { GantryError, isGantryError } from '@gantry/rpc/errors';
import { pack } from 'tar-stream';
import { readTar } from './tar-reader';

async function tarOf(files: readonly { readonly name: string; readonly body: string }[]): Promise<Buffer> {
  const out = pack();
  for (const { name, body } of files) out.entry({ name }, body);
  out.finalize();
  return await buffer(out);
}

async function* chunks(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += size) yield data.subarray(at, at + size);
}

async function entries(data: Buffer, size = 700): Promise<[name: string, body: string][]> {
  const found: [string, string][] = [];
  for await (const entry of readTar(chunks(data, size))) {
    const parts: Buffer[] = [];
    for await (const part of entry.body) parts.push(part);
    found.push([entry.name, Buffer.concat(parts).toString()]);
  }
  return found;
}

test('names long and short, bodies in any chunks, bodies left unread', async () => {
  const long = `${'d'.repeat(90)}/${'f'.repeat(150)}`;
  const data = await tarOf([
    { name: 'a', body: 'first' },
    { name: long, body: 'x'.repeat(3000) },
    { name: 'größe', body: '' },
  ]);
  for (const size of [1, 511, 512, 513, 1 << 20])
    expect((await entries(data, size)).map(([name, { length }]) => [name, length])).toEqual([
      ['a', 5],
      [long, 3000],
      ['größe', 0],
    ]);
  const names: string[] = [];
  for await (const { name } of readTar(chunks(data, 100))) names.push(name);
  expect(names).toEqual(['a', long, 'größe']);
});

test('fuzz: 1500 damaged archives end with an entry list or one of our errors', async () => {
  const good = await tarOf([
    { name: 'a', body: 'first' },
    { name: 'b'.repeat(150), body: 'x'.repeat(700) },
  ]);
  const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(damage, fc.nat(good.length), fc.boolean(), async (changes, cut, fixSum) => {
      const bad = Buffer.from(good.subarray(0, cut === 0 ? good.length : cut));
      for (const [at, value] of changes) if (at < bad.length) bad[at] = value;
      if (fixSum && bad.length >= 512) {
        let sum = 8 * 32;
        for (let at = 0; at < 512; at++) if (at < 148 || at >= 156) sum += bad[at] ?? 0;
        bad.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 8, 'latin1');
      }
      const result = await entries(bad).catch((error: unknown) => error);
      return Array.isArray(result) || isGantryError(result);
    }),
    { numRuns: 1500 },
  );
  expect(GantryError).toBeDefined();
});
