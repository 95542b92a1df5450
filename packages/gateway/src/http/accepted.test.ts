import { accepted } from './accepted';

test.each([
  ['', undefined],
  ['*/*', undefined],
  ['application/*', undefined],
  ['b', 'b'],
  ['x, c', 'c'],
  ['b, a', 'a'],
  ['a;q=0.2, b;q=0.7', 'b'],
  ['a;q=0, b;q=0.1', 'b'],
  ['a; Q=0', undefined],
  ['a;q=wrong, c', 'c'],
])('%j accepts %j of a, b, c', (header, type) => {
  expect(accepted(header, ['a', 'b', 'c'])).toBe(type);
});
