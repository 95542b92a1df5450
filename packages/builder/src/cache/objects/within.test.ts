import { once } from 'node:events';
import { sha256 } from '@gantry/oci';
import { newContext } from '@gantry/rpc';
import type { ObjectPlace } from './objects';
import { within } from './within';

const never = async (ctx: { readonly signal: AbortSignal }): Promise<never> => {
  await once(ctx.signal, 'abort');
  throw new Error('cut off');
};
const silent: ObjectPlace = {
  has: never,
  put: never,
  save: never,
  load: () => Promise.resolve([Buffer.from('here')]),
  get: (ctx) => ({ [Symbol.asyncIterator]: () => ({ next: () => never(ctx) }) }),
};

test('no operation takes longer than the client allows', async () => {
  const place = within(20, silent);
  const ctx = newContext();
  const layer = { mediaType: '', digest: sha256('layer'), size: 0 };
  const late = { kind: 'deadlineExceeded', message: 'the cache did not answer within 0.02 s' };
  await expect(place.has(ctx, layer)).rejects.toMatchObject(late);
  await expect(place.get(ctx, layer, 0)[Symbol.asyncIterator]().next()).rejects.toMatchObject(late);
  expect(await place.load(ctx)).toEqual([Buffer.from('here')]);
});
