import { newContext, notFound } from '@gantry/rpc';
import { LayerSizes } from './layers';

const ctx = newContext();
const snapshot = { snapshotter: 'overlayfs', snapshotKey: 'a' };

function setUp() {
  const state = { now: 1_000_000_000_000n, size: 1n, gone: false, asked: 0 };
  const usage = async () => {
    state.asked++;
    if (state.gone) throw notFound('gone');
    return { size: state.size, inodes: 2n };
  };
  return { state, sizes: new LayerSizes({ usage } as never, () => state.now) };
}

test('a list tells what was counted within ten seconds, with the time of that, and counts anew after them', async () => {
  const { state, sizes } = setUp();
  const first = { size: 1n, inodes: 2n, timestamp: state.now };
  expect(await sizes.recent(ctx, 'a', snapshot)).toEqual(first);
  state.size = 5n;
  state.now += 9_999_999_999n;
  expect(await sizes.recent(ctx, 'a', snapshot)).toEqual(first);
  expect(await sizes.recent(ctx, 'b', snapshot)).toMatchObject({ size: 5n });
  state.now += 1n;
  expect(await sizes.recent(ctx, 'a', snapshot)).toMatchObject({ size: 5n, timestamp: state.now });
  expect(state.asked).toBe(3);
});

test('who asks for one container has it counted now, and lists have that; files that are gone are not told from memory', async () => {
  const { state, sizes } = setUp();
  await sizes.recent(ctx, 'a', snapshot);
  state.size = 7n;
  expect(await sizes.count(ctx, 'a', snapshot)).toMatchObject({ size: 7n });
  expect(await sizes.recent(ctx, 'a', snapshot)).toMatchObject({ size: 7n });
  state.gone = true;
  expect(await sizes.count(ctx, 'a', snapshot)).toBeUndefined();
  expect(await sizes.recent(ctx, 'a', snapshot)).toBeUndefined();
});

test('a clock that was set back and a sweep leave nothing old', async () => {
  const { state, sizes } = setUp();
  await sizes.recent(ctx, 'a', snapshot);
  state.now -= 1n;
  await sizes.recent(ctx, 'a', snapshot);
  expect(state.asked).toBe(2);
  state.now += 20_000_000_000n;
  sizes.sweep();
  state.now -= 20_000_000_000n;
  await sizes.recent(ctx, 'a', snapshot);
  expect(state.asked).toBe(3);
});
