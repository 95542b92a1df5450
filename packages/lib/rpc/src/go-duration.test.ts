import { formatGoDuration } from './go-duration';

it.each([
  [0, '0s'],
  [50, '50ms'],
  [1.5, '1.5ms'],
  [1500, '1.5s'],
  [90_000, '1m30s'],
  [7_200_000, '2h0m0s'],
  [3_661_250, '1h1m1.25s'],
])('%d ms are %s', (ms, text) => expect(formatGoDuration(ms * 1e6)).toBe(text));
