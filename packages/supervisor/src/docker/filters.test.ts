import { patternFilter } from './filters';

const passes = (values: string[], ...texts: string[]): boolean => patternFilter({ name: { values } }, 'name')(...texts);

// As dockerd 28.5 answers; the groups show Go's engine, which V8's syntax does not have.
test.each<[string[], string, boolean]>([
  [[], 'web', true],
  [['e'], 'web', true],
  [['(?P<n>eb)'], 'web', true],
  [['^\\Aweb\\z'], 'web1', false],
  [['x', 'w.b'], 'web', true],
  [['('], 'web', false],
  [['('], '(', true],
  [['(', 'web'], 'web', true],
  [['a(?=b)'], 'ab', false],
])('%j and %s: %p', (values, text, wanted) => {
  expect(passes(values, text)).toBe(wanted);
});

test('any of the texts will do', () => {
  expect(passes(['^/web$'], 'web', '/web')).toBe(true);
});

test('a pattern that is too large is refused, whatever it would be compared with', () => {
  expect(() => patternFilter({ name: { values: ['x{600}y{600}'] } }, 'name')).toThrow(expect.objectContaining({ kind: 'outOfRange' }));
});
