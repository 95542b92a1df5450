import type { CgroupMeter, CgroupPlan, CgroupStats } from '@gantry/runtime';
import { Meters } from './meters';

const plan: CgroupPlan = { path: '/x', mode: 'v2', directories: [] };

function fixture(most?: number) {
  const made: string[] = [];
  const closed: string[] = [];
  let fails = false;
  const meter = (): CgroupMeter => {
    const name = String(made.length);
    made.push(name);
    return {
      stats: () => {
        if (fails) throw new Error('EIO');
        return { name } as unknown as CgroupStats;
      },
      close: () => void closed.push(name),
    };
  };
  const meters = new Meters<object>({ meter }, most);
  return {
    meters,
    made,
    closed,
    fail: (now: boolean) => (fails = now),
    told: (task: object) => (meters.stats(task, plan) as unknown as { name: string }).name,
  };
}

beforeEach(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate'] }));
afterEach(() => jest.useRealTimers());

test('a task that is watched keeps its meter; one that nobody asks for lets go of it', () => {
  const { told, made, closed } = fixture();
  const [watched, once] = [{}, {}];
  told(watched);
  told(once);
  for (let second = 0; second < 20; second++) {
    jest.advanceTimersByTime(1000);
    expect(told(watched)).toBe('0');
  }
  expect(closed).toEqual(['1']);
  jest.advanceTimersByTime(15_000);
  expect([made, closed]).toEqual([
    ['0', '1'],
    ['1', '0'],
  ]);
  expect(jest.getTimerCount()).toBe(0);
});

test('a task that was made anew under the same path is another', () => {
  const { told } = fixture();
  expect([told({ id: 'a' }), told({ id: 'a' })]).toEqual(['0', '1']);
});

test('of more than it keeps, and of one that cannot be read, nothing stays open', () => {
  const { told, closed, meters, fail } = fixture(1);
  const [first, second] = [{}, {}];
  told(first);
  expect([told(second), told(second), told(first)]).toEqual(['1', '2', '0']);
  expect(closed).toEqual(['1', '2']);
  meters.close();
  expect(closed).toEqual(['1', '2', '0']);
  fail(true);
  expect(() => told(first)).toThrow('EIO');
  expect(closed).toEqual(['1', '2', '0', '3']);
  expect(jest.getTimerCount()).toBe(0);
});
