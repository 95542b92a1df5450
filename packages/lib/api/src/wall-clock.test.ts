import { WallClock } from './wall-clock';

/** Clocks that a test sets; each look takes 0.005 ms, and one of the first looks `aside` as well. */
function clocks() {
  const state = { true: 1_000_000.25, monotonic: 500 };
  const pass = (ms: number): void => {
    state.true += ms;
    state.monotonic += ms;
  };
  const fake = {
    pass,
    state,
    looked: 0,
    aside: 0,
    date: () => {
      pass(0.005);
      const told = Math.floor(state.true);
      if (++fake.looked === 5) pass(fake.aside);
      return told;
    },
    monotonic: () => (pass(0.005), state.monotonic),
  };
  return fake;
}

test('the fraction comes from the monotonic clock, and nobody waits for a tick again', () => {
  const fake = clocks();
  const clock = new WallClock(fake);
  clock.micros();
  fake.looked = 0;
  for (let at = 0; at < 5000; at++) {
    fake.pass(37.3);
    expect(Math.abs(clock.micros() / 1000 - fake.state.true)).toBeLessThan(0.4);
  }
  expect(fake.looked).toBeLessThan(6000);
});

test('a clock that is set back or forth is followed at once, by less than a millisecond soon', () => {
  const fake = clocks();
  const clock = new WallClock(fake);
  clock.micros();
  for (const step of [-60_000, 90_000, 0.9, -0.7]) {
    fake.state.true += step;
    expect(Math.abs(clock.micros() / 1000 - fake.state.true)).toBeLessThan(1);
    for (let at = 0; at < 20; at++) {
      fake.pass(37.3);
      clock.micros();
    }
    expect(Math.abs(clock.micros() / 1000 - fake.state.true)).toBeLessThan(0.4);
  }
});

test('a process that is put aside between two looks is not led astray', () => {
  const fake = clocks();
  const clock = new WallClock(fake);
  fake.aside = 40;
  clock.micros();
  fake.pass(3.3);
  expect(Math.abs(clock.micros() / 1000 - fake.state.true)).toBeLessThan(0.4);
});

test.each([
  ['both clocks', { date: () => 5000, monotonic: () => 7 }],
  ['the system clock', { date: () => 5000, monotonic: () => performance.now() }],
])('%s standing still, as tests hold them, are read all the same', (_, still) => expect(new WallClock(still).micros()).toBe(5_000_000));
