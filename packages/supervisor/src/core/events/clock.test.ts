import { nanoClock } from './clock';

test('grows strictly, with microseconds', () => {
  let steady = 5;
  const clock = nanoClock({ wall: () => 1000, steady: () => steady });
  expect(clock()).toBe(1_000_000_000n);
  expect(clock()).toBe(1_000_000_001n);
  steady += 0.25;
  expect(clock()).toBe(1_000_250_000n);
});

test('follows a clock that was set back or forth, and smooths smaller steps', () => {
  let wall = 10_000;
  const clock = nanoClock({ wall: () => wall, steady: () => 0 });
  const first = clock();
  wall -= 500;
  expect(clock()).toBe(first + 1n);
  wall = 3000;
  expect(clock()).toBe(3_000_000_000n);
  wall = 50_000;
  expect(clock()).toBe(50_000_000_000n);
});
