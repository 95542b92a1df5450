import { labelField, parseFilters } from './filters';

const image = (path: readonly string[]): string | undefined =>
  path[0] === 'name' ? 'docker.io/library/web:1' : path[0] === 'labels' ? labelField({ tier: 'front' }, path) : undefined;

// Only Go's syntax has a named group of this form and \A: they show whose engine it is.
test.each<[string, boolean]>([
  ['name~=(?P<n>web):1$', true],
  ['name~=|^docker.io/|', true],
  ['name~=/\\Adocker/', true],
  ['labels.tier~=^front$', true],
  ['labels.tier~=^$', false],
  ['labels.none~=.*', false],
])('%s: %p', (filter, wanted) => {
  expect(parseFilters([filter])(image)).toBe(wanted);
});

test.each(['name~=(', 'name~=a(?=b)', 'name~=x{600}y{600}'])('%s is refused', (filter) => {
  expect(() => parseFilters([filter])).toThrow(
    expect.objectContaining({ kind: 'invalidArgument', message: expect.stringMatching(/^filters: /) }),
  );
});
