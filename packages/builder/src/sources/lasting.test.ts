import { Lasting } from './lasting';

test('what was found is kept, also for who asks meanwhile', async () => {
  const lasting = new Lasting<number>();
  const find = jest.fn(() => Promise.resolve(1));
  expect(await Promise.all([lasting.get(find), lasting.get(find)])).toEqual([1, 1]);
  expect(await lasting.get(find)).toBe(1);
  expect(find).toHaveBeenCalledTimes(1);
});

test('the failure of one build is not that of the next', async () => {
  const lasting = new Lasting<number>();
  await expect(lasting.get(() => Promise.reject(new Error('cancelled')))).rejects.toThrow('cancelled');
  expect(await lasting.get(() => Promise.resolve(2))).toBe(2);
});
