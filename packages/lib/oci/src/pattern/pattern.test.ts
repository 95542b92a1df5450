import { compileGlob, compilePattern } from '.';
import { expansion } from './weight';

// Syntax that Go's engine takes and V8's does not, or reads in another way: it shows which one is at work.
test.each<[string, string, boolean]>([
  ['(?P<n>eb)', 'web', true],
  ['\\Aweb\\z', 'web', true],
  ['\\Aweb\\z', 'web1', false],
  ['(?U)e+', 'web', true],
  ['^[[:alpha:]]+$', 'web', true],
  ['^[[:alpha:]]+$', 'web1', false],
  ['\\Q.*\\E', 'a.*b', true],
  ['\\pL', '1é', true],
  ['(?i)WEB', 'a web', true],
  ['^a$', 'a\n', false],
  ['web', 'a web 1', true],
  ['w.b', 'a web 1', true],
  ['x{3}y', 'xxxy', true],
])('%s in %j: %p', (source, text, found) => {
  expect(compilePattern(source).test(text)).toBe(found);
});

// What only a backtracking engine can do is refused.
test.each<[string, string]>([
  ['a(?=b)', 'error parsing regexp: invalid or unsupported Perl syntax: `(?=`'],
  ['(a)\\1', 'error parsing regexp: invalid escape sequence: `\\1`'],
  ['(', 'error parsing regexp: missing closing ): `(`'],
  ['*x', 'error parsing regexp: missing argument to repetition operator: `*`'],
])('%s is refused: %s', (source, message) => {
  expect(() => compilePattern(source)).toThrow(expect.objectContaining({ kind: 'invalidArgument', message }));
});

test('a pattern that grows too large when its repetitions are written out is refused', () => {
  expect(compilePattern('^x{1000}$').test('x'.repeat(1000))).toBe(true);
  for (const source of ['x{600}y{600}', '(?:abc){400}', '(\\Q)\\Eabcdef){300}', `a${'.'.repeat(4096)}`])
    expect(() => compilePattern(source)).toThrow(expect.objectContaining({ kind: 'outOfRange' }));
});

test.each<[string, number]>([
  ['abc', 0],
  ['a{3}', 2],
  ['a{2,5}b{3,}', 6],
  ['(ab{2}){10}', 1 + 9 * 3],
  ['(?:ab){3}(?P<name>c){2}', 5],
  ['[{]{2}[[:alpha:]]{3}[]a]{4}', 6],
  ['\\x{41}\\pL{3}\\{3\\}', 2],
  ['\\Q{9}(\\E{2}', 8],
  ['a{x}', 0],
])('repetitions of %s add %p', (source, added) => {
  expect(expansion(source)).toBe(added);
});

test.each<[string, string, boolean]>([
  ['busy*', 'busybox', true],
  ['busy*', 'busy/box', false],
  ['b?sybox', 'busybox', true],
  ['bus[a-z]box', 'busybox', true],
  ['bus[^a-z]box', 'busybox', false],
  ['b\\usybox', 'busybox', true],
  ['a[\\]]c', 'a]c', true],
  ['(?P<n>x)', 'x', false],
  ['a.c', 'abc', false],
  ['[z-a]', 'b', false],
  ['[^z-a]', 'b', true],
  ['*/*:?', 'a/b:1', true],
])('glob %s matches %j: %p', (glob, text, matches) => {
  expect(compileGlob(glob).test(text)).toBe(matches);
});

test.each(['[', '[]a]', '[a', '[a-]', 'a[\\]-]c', '\\'])('glob %s is refused', (glob) => {
  expect(() => compileGlob(glob)).toThrow(expect.objectContaining({ kind: 'invalidArgument' }));
});

test.each<[string, string, string, string]>([
  ['^docker-image://docker.io/library/golang:(.*)$', 'docker-image://docker.io/library/golang:1.19', 'x:${1}-alpine', 'x:1.19-alpine'],
  ['(?P<a>b)', 'abbc', '<$a$$>', 'a<b$><b$>c'],
  ['(b)', 'abc', '$1x', 'ac'],
  ['b', 'abc', '$0$1${2}', 'abc'],
  ['z', 'abc', 'y', 'abc'],
])('%s in %s replaced by %s: %s', (source, text, template, replaced) => {
  expect(compilePattern(source).replaceAll(text, template)).toBe(replaced);
});
