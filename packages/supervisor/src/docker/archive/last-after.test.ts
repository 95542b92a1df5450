import { lastAfter } from './last-after';

async function* pieces(log: string[]): AsyncGenerator<string> {
  for (const piece of ['a', 'b', 'end']) {
    log.push(`read ${piece}`);
    yield piece;
  }
}

test('the last piece waits for what is to be over', async () => {
  const log: string[] = [];
  for await (const piece of lastAfter(pieces(log), async () => void log.push('over'))) log.push(`got ${piece}`);
  expect(log).toEqual(['read a', 'read b', 'got a', 'read end', 'got b', 'over', 'got end']);
});

test('nothing of a stream that was not whole ends it', async () => {
  const got: string[] = [];
  const read = async (): Promise<void> => {
    for await (const piece of lastAfter(pieces([]), () => Promise.reject(new Error('torn')))) got.push(piece);
  };
  await expect(read()).rejects.toThrow('torn');
  expect(got).toEqual(['a', 'b']);
});

test('an empty stream has no last piece', async () => {
  async function* none(): AsyncGenerator<string> {}
  const got: string[] = [];
  for await (const piece of lastAfter(none(), async () => undefined)) got.push(piece);
  expect(got).toEqual([]);
});
