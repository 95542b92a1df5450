import { expandWord, expandWords } from './expand';

const variables: Readonly<Record<string, string>> = { FOO: 'bar', EMPTY: '', FILE: 'a/b.tar.gz', PORTS: '80  443', 한: 'ja' };
const word = (text: string): string => expandWord(text, (name) => (Object.hasOwn(variables, name) ? variables[name] : undefined));
const words = (text: string): string[] => expandWords(text, (name) => variables[name]);

test.each([
  ['plain', 'plain'],
  [`a"b c"'d e'`, 'ab cd e'],
  ['a\\ b\\"c\\\\', 'a b"c\\'],
  ['"a\\b\\"c\\$FOO\\\\"', 'a\\b"c$FOO\\'],
  ["'$FOO\\'", '$FOO\\'],
  ['\\$FOO', '$FOO'],
  ['$FOO-${FOO}x', 'bar-barx'],
  ['"$FOO"', 'bar'],
  ['$', '$'],
  ['$.x', '$.x'],
  ['$10', ''],
  ['$한', 'ja'],
  ['${NONE-else}${EMPTY-else}', 'else'],
  ['${EMPTY:-else}${FOO:-else}', 'elsebar'],
  ['${FOO+then}${EMPTY+then}${EMPTY:+then}${NONE:+then}', 'thenthen'],
  ['${NONE:-${FOO:-x}}', 'bar'],
  ["${NONE:-'a}b'}", 'a}b'],
  ['${FOO?no}', 'bar'],
  ['${FILE#*.}', 'tar.gz'],
  ['${FILE##*.}', 'gz'],
  ['${FILE%.*}', 'a/b.tar'],
  ['${FILE%%.*}', 'a/b'],
  ['${FILE#?/}', 'b.tar.gz'],
  ['${FILE#nothing}', 'a/b.tar.gz'],
  ['${FILE/\\//-}', 'a-b.tar.gz'],
  ['${FILE//[.]/-}', 'a/b.tar.gz'],
  ['${FILE//./-}', 'a/b-tar-gz'],
  ['${FILE/.*/!}', 'a/b!'],
])('%s is %s', (text, expected) => {
  expect(word(text)).toBe(expected);
});

test.each([
  ["'open", 'looking for matching single-quote'],
  ['"open', 'looking for matching double-quote'],
  ['${', "syntax error: missing '}'"],
  ['${FOO:-x', "syntax error: missing '}'"],
  ['${}', 'syntax error: bad substitution'],
  ['${FOO:#x}', 'unsupported modifier (:#)'],
  ['${FOO:=x}', 'unsupported modifier (:=)'],
  ['${FOO:=x', "syntax error: missing '}'"],
  ['${FOO^}', 'unsupported modifier (^)'],
  ['${NONE?gone}', 'NONE: gone'],
  ['${NONE?}', 'NONE: is not allowed to be unset'],
  ['${EMPTY:?}', 'EMPTY: is not allowed to be empty'],
])('%s is refused', (text, message) => {
  expect(() => word(text)).toThrow(
    expect.objectContaining({ kind: 'invalidArgument', message: expect.stringContaining(message) as string }) as Error,
  );
});

test('words are split where no quote is, also those of a variable', () => {
  expect(words('a  "b c" d\\ e $PORTS')).toEqual(['a', 'b c', 'd e', '80', '443']);
  expect(words('"$PORTS"')).toEqual(['80  443']);
  expect(words('1${PORTS}2')).toEqual(['180', '4432']);
  expect(words('$NONE ""')).toEqual([]);
});

test('no pattern takes longer than its length times the text', () => {
  const long = 'a'.repeat(2000);
  const began = process.cpuUsage();
  expect(expandWord(`\${X##${'*a'.repeat(60)}b}`, () => long)).toBe(long);
  expect(process.cpuUsage(began).user).toBeLessThan(5_000_000);
});
