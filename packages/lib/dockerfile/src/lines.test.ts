import { readLines } from './lines';
import { linesOf } from './location';

const failure = (text: string): { readonly message: string; readonly lines: unknown } => {
  try {
    readLines(text);
  } catch (error) {
    return { message: (error as Error).message, lines: linesOf(error) };
  }
  throw new Error('nothing was wrong');
};

test('instructions know their lines, their comments and what was written', () => {
  const { lines, escape, emptyContinuations } = readLines(
    [
      '# check=skip=all',
      '# base is the first',
      'FROM scratch AS base',
      '#',
      '# lost',
      '#',
      'RUN a \\',
      '  # between',
      '',
      '  b',
      '',
      'CMD x',
      '',
    ].join('\r\n'),
  );
  expect(escape).toBe('\\');
  expect(lines.map(({ name, rest, start, end, comments }) => ({ name, rest, start, end, comments }))).toEqual([
    { name: 'FROM', rest: 'scratch AS base', start: 3, end: 3, comments: ['base is the first'] },
    { name: 'RUN', rest: 'a   b', start: 7, end: 10, comments: [] },
    { name: 'CMD', rest: 'x', start: 12, end: 12, comments: [] },
  ]);
  expect(emptyContinuations).toEqual([10]);
});

test('an escape of its own, an escaped one, one at the end of the file, and a byte order mark', () => {
  expect(readLines('\uFEFF# escape=`\nRUN a `\n b\nRUN c:\\').lines.map(({ rest }) => rest)).toEqual(['a  b', 'c:\\']);
  expect(readLines('RUN a \\\\\nRUN b\\').lines.map(({ rest }) => rest)).toEqual(['a \\\\', 'b']);
});

test('here-documents: names, quotes, tabs, several, and in a trigger', () => {
  const { lines } = readLines(
    [
      'COPY <<one <<-"two" /x/',
      '1 $A',
      'one',
      '\t2',
      '\ttwo',
      "RUN cat <<'E O' | sh",
      'x',
      'E O',
      'ONBUILD RUN <<EOF',
      'y',
      'EOF',
      'RUN ["<<no"]',
      'ENV A=<<no',
      '',
    ].join('\n'),
  );
  expect(lines.map(({ heredocs }) => heredocs)).toEqual([
    [
      { name: 'one', chomp: false, expand: true, content: '1 $A\n' },
      { name: 'two', chomp: true, expand: false, content: '\t2\n' },
    ],
    [{ name: 'E O', chomp: false, expand: false, content: 'x\n' }],
    [{ name: 'EOF', chomp: false, expand: true, content: 'y\n' }],
    [],
    [],
  ]);
});

test.each([
  ['', 'file with no instructions', [{ start: 0, end: 0 }]],
  ['# only\n# comments', 'file with no instructions', [{ start: 2, end: 2 }]],
  ['# escape=x\nRUN a', "invalid escape token 'x' does not match ` or \\", [{ start: 0, end: 0 }]],
  ['# escape=\\\n# escape=\\\nRUN a', 'only one escape parser directive can be used', [{ start: 1, end: 1 }]],
  ['FROM a\nRUN <<EOF\nx', 'unterminated heredoc', [{ start: 2, end: 3 }]],
  ['FROM a\nENV A \\\n\n', 'ENV must have two arguments', [{ start: 2, end: 3 }]],
  ['FROM a\nCMD ["a", 1]', 'when using JSON array syntax, arrays must be comprised of strings only', [{ start: 2, end: 2 }]],
  ['FROM a\nONBUILD HEALTHCHECK CMD [1]', 'when using JSON array syntax, arrays must be comprised of strings only', [{ start: 2, end: 2 }]],
  [`FROM a\nRUN ${'x'.repeat(66_000)}`, 'dockerfile line greater than max allowed size of 65535', [{ start: 1, end: 1 }]],
])('%j is refused', (text, message, lines) => {
  expect(failure(text)).toEqual({ message, lines });
});
