import { after, every, pause } from './timer';

const DAY = 86_400_000;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test.each([0, 1, 1000, 2 ** 31 - 1, 2 ** 31, 30 * DAY, 400 * DAY])('%p ms are neither longer nor shorter', (ms) => {
  const run = jest.fn();
  after(ms, run);
  jest.advanceTimersByTime(Math.max(0, ms - 1));
  expect(run).toHaveBeenCalledTimes(ms === 0 ? 1 : 0);
  jest.advanceTimersByTime(1);
  expect(run).toHaveBeenCalledTimes(1);
});

test('infinity never comes, the past comes at once', () => {
  const [never, now] = [jest.fn(), jest.fn()];
  after(Infinity, never);
  after(-5, now);
  jest.advanceTimersByTime(100 * DAY);
  expect([never.mock.calls.length, now.mock.calls.length]).toEqual([0, 1]);
  expect(() => after(NaN, now)).toThrow(TypeError);
});

test('a cancelled timer does not run, in whichever of its parts it is', () => {
  const run = jest.fn();
  const timer = after(60 * DAY, run);
  jest.advanceTimersByTime(40 * DAY);
  timer.cancel();
  jest.advanceTimersByTime(40 * DAY);
  expect(run).not.toHaveBeenCalled();
  expect(jest.getTimerCount()).toBe(0);
});

test('every 30 days is not a thousand times a second', () => {
  const run = jest.fn();
  const timer = every(30 * DAY, run);
  jest.advanceTimersByTime(90 * DAY);
  expect(run).toHaveBeenCalledTimes(3);
  timer.cancel();
  jest.advanceTimersByTime(90 * DAY);
  expect(run).toHaveBeenCalledTimes(3);
});

test('a pause tells whether it lasted, and leaves nothing on the signal', async () => {
  const stop = new AbortController();
  const listeners = jest.spyOn(stop.signal, 'removeEventListener');
  const whole = pause(40 * DAY, { signal: stop.signal });
  const cut = pause(40 * DAY + 1, { signal: stop.signal });
  jest.advanceTimersByTime(40 * DAY);
  expect(await whole).toBe(true);
  stop.abort();
  expect(await cut).toBe(false);
  expect(await pause(1, { signal: stop.signal })).toBe(false);
  expect(listeners).toHaveBeenCalledTimes(2);
  expect(jest.getTimerCount()).toBe(0);
});
