import { IgnoreMatcher } from '../../../fsutil/ignore-matcher';
import { parseIgnoreFile } from './parse';

test('a file of patterns: comments, empty lines, blanks, and paths made relative and clean', () => {
  expect(parseIgnoreFile('\uFEFF# no\n\n  a/ \r\n/b/../c\n! d\n#e\n #f\n!\n/\n.\n')).toEqual(['a', 'c', '!d', '#f', '!', '/', '.']);
});

test.each([
  [['a'], 'a', true],
  [['a'], 'a/b/c', true],
  [['a'], 'ab', false],
  [['a'], '/a', true],
  [['*.md'], 'x.md', true],
  [['*.md'], 'd/x.md', false],
  [['**/*.md'], 'd/e/x.md', true],
  [['**/*.md'], 'x.md', true],
  [['d/**'], 'd/e', true],
  [['d/**'], 'd', false],
  [['**'], 'd', true],
  [['a', '!a/b'], 'a/b', false],
  [['a', '!a/b'], 'a/c', true],
  [['*', '!keep'], 'keep', false],
  [['a?c'], 'abc', true],
  [['a[b-d]'], 'ac', true],
])('%j leaves %s out: %p', (patterns, path, expected) => {
  expect(new IgnoreMatcher(patterns).matches(path)).toBe(expected);
});

test('no pattern takes longer than its parts times the path', () => {
  const deep = Array.from({ length: 500 }, () => 'a').join('/');
  const began = process.cpuUsage();
  expect(new IgnoreMatcher([`${'**/a/'.repeat(100)}b`]).matches(deep)).toBe(false);
  expect(process.cpuUsage(began).user).toBeLessThan(3_000_000);
});
