import { searchFilter } from './search-filter';

const result = { name: 'a', description: '', starCount: 5n, isOfficial: true, isAutomated: false };
const filter = (filters: Record<string, string[]>) =>
  searchFilter(Object.fromEntries(Object.entries(filters).map(([key, values]) => [key, { values }])))(result);

test.each<[Record<string, string[]>, boolean]>([
  [{}, true],
  [{ 'is-official': ['true'] }, true],
  [{ 'is-official': ['0'] }, false],
  [{ 'is-automated': ['1'] }, false],
  [{ stars: ['5'] }, true],
  [{ stars: ['2', '6'] }, false],
])('%j', (filters, expected) => expect(filter(filters)).toBe(expected));

test('what is no truth and no number is refused', () => {
  expect(() => filter({ 'is-official': ['maybe'] })).toThrow("invalid filter 'is-official=[maybe]'");
  expect(() => filter({ 'is-official': ['true', 'false'] })).toThrow("invalid filter 'is-official=[true false]'");
  expect(() => filter({ stars: ['many'] })).toThrow("invalid filter 'stars=many'");
});
