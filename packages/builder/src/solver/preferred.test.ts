import { preferredFirst, PREFERRED_TREES } from './preferred';

const results = ['a', 'b', 'c'].map((id) => ({ id, created: 0, key: { store: undefined as never, id: 1 } }));
const ordered = (description: Record<string, string>): string =>
  preferredFirst({ description }, results).reduce((all, { id }) => all + id, '');

test.each([
  [{}, 'abc'],
  [{ [PREFERRED_TREES]: 'c x b' }, 'cba'],
  [{ [PREFERRED_TREES]: '' }, 'abc'],
  [{ other: 'c' }, 'abc'],
])('results of a step whose description is %j', (description, order) => {
  expect(ordered(description as Record<string, string>)).toBe(order);
});
