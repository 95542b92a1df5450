import { WallClock } from './wall-clock';

/** Clocks that a test sets; each look at the date takes 0.1 ms. */
function clocks() {
  const state = { true: 1_000_000.25, monotonic: 500 };
  const pass = (ms: number, drift = 0): void => {
    state.true += ms;
    state.monotonic += ms + drift;
  };
  return {
    pass,
    state,
    date: () => (pass(0.1), Math.floor(state.true)),
    monotonic: () => state.monotonic,
  };
}

test('a monotonic clock that drifts from the system clock is not followed', () => {
  const fake = clocks();
  const clock = new WallClock(fake);
  for (let at = 0; at < 100; at++) {
    fake.pass(37.3, 0.4); // 40 ms ahead in the end
    const { true: before } = fake.state;
    const told = clock.micros() / 1000;
    expect(told).toBeGreaterThanOrEqual(before - 0.5);
    expect(told).toBeLessThanOrEqual(fake.state.true + 0.5);
  }
});

test('a clock that is set back or forth is followed at once', () => {
  const fake = clocks();
  const clock = new WallClock(fake);
  clock.micros();
  for (const step of [-60_000, 90_000, 0.9]) {
    fake.state.true += step;
    expect(Math.abs(clock.micros() / 1000 - fake.state.true)).toBeLessThan(1);
  }
});

test('between two looks the fraction comes from the monotonic clock', () => {
  const fake = clocks();
  const clock = new WallClock(fake);
  clock.micros();
  fake.pass(5.375);
  expect(clock.micros() / 1000).toBeCloseTo(fake.state.true, 1);
});
