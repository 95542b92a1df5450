import { UsageSampler } from './sampler';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** Samples that are numbered. */
function numbered() {
  let count = 0;
  const sampler = new UsageSampler(() => ({ timestamp: String(++count) }), 2000);
  return { sampler, looks: () => count };
}
const numbers = (samples: readonly { readonly timestamp: string }[]): number[] => samples.map(({ timestamp }) => Number(timestamp));

test('each two seconds the host is looked at once for all builds, and once more by who asks', () => {
  const { sampler } = numbered();
  const first = sampler.record();
  jest.advanceTimersByTime(2000);
  const second = sampler.record();
  jest.advanceTimersByTime(2000);
  expect(numbers(first.samples())).toEqual([1, 2, 3]);
  expect(numbers(second.samples())).toEqual([2, 4]);
  first.end();
  second.end();
});

test('a long build keeps a bounded number of samples that are spread over all of it', () => {
  const { sampler } = numbered();
  const record = sampler.record();
  jest.advanceTimersByTime(2000 * 1000);
  const told = numbers(record.samples());
  expect(told.length).toBeLessThanOrEqual(20);
  const gaps = new Set(told.slice(1, -1).map((each, index) => each - (told[index] ?? 0)));
  expect([...gaps]).toEqual([64]);
  expect(told.at(-1)).toBe(1001);
  record.end();
});

test('without builds nothing is looked at', () => {
  const { sampler, looks } = numbered();
  sampler.record().end();
  jest.advanceTimersByTime(60_000);
  expect(looks()).toBe(0);
  expect(jest.getTimerCount()).toBe(0);
});
