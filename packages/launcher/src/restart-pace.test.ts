import { RestartPace } from './restart-pace';

test('ten kills in a minute wait for nothing; a service that ends at every start waits ever longer, up to 5 s', () => {
  let now = 0;
  const pace = new RestartPace(() => now);
  for (let kill = 0; kill < 10; kill++) {
    expect(pace.ended()).toBe(0);
    now += 6000;
  }
  now += 120_000;
  const pauses = Array.from({ length: 25 }, () => {
    now += 300;
    return pace.ended();
  });
  expect(pauses.slice(0, 15).every((pause) => pause === 0)).toBe(true);
  expect(pauses.slice(15, 22)).toEqual([100, 200, 400, 800, 1600, 3200, 5000]);
  now += 120_000;
  expect(pace.ended()).toBe(0);
});
