import { readLines } from './lines';
import { linesOf } from './location';
import { parseStages } from './stages';

const parse = (text: string) => parseStages(readLines(text));
const step = (text: string) => parse(`FROM x\n${text}`).stages[0]?.steps[0]?.instruction;

test('stages with their names, platforms and comments, and arguments in front of them', () => {
  const { stages, globals } = parse('ARG A=1 B\n# Build makes it\n# build makes it\nfrom --platform=$P a:$A As Build\nRUN x\nFROM build');
  expect(globals).toEqual([
    {
      args: [
        { key: 'A', value: '1', comment: '' },
        { key: 'B', value: undefined, comment: '' },
      ],
      lines: { start: 1, end: 1 },
    },
  ]);
  expect(stages).toMatchObject([
    {
      base: 'a:$A',
      stage: 'build',
      platform: '$P',
      comment: 'makes it',
      word: 'from',
      lines: { start: 4, end: 4 },
      steps: [{ text: 'RUN x' }],
    },
    { base: 'build', stage: '', platform: undefined, steps: [] },
  ]);
});

test('RUN, COPY, ADD, SHELL and MAINTAINER with all that they take', () => {
  expect(
    step('RUN --mount=type=cache,target=/c --mount=from=x,target=/y --network=none --security=insecure --device=v.com/c=d,required ["a"]'),
  ).toEqual({
    name: 'run',
    run: {
      command: { form: 'exec', words: ['a'] },
      files: [],
      mounts: [
        { text: 'type=cache,target=/c', from: '' },
        { text: 'from=x,target=/y', from: 'x' },
      ],
      network: 'none',
      security: 'insecure',
      devices: [{ name: 'v.com/c=d', required: true }],
    },
  });
  expect(step('COPY --from=b --chown=1:2 --chmod=u+x --link --parents --exclude=*.md --exclude=x a b/ <<c /d\nhi\nc')).toEqual({
    name: 'copy',
    copy: {
      from: 'b',
      parents: true,
      sources: ['a', 'b/'],
      files: [{ path: 'c', data: 'hi\n', expand: true }],
      dest: '/d',
      chown: '1:2',
      chmod: 'u+x',
      link: true,
      exclude: ['*.md', 'x'],
    },
  });
  expect(step('ADD --checksum=sha256:x --keep-git-dir=false --unpack ["a b", "/c"]')).toMatchObject({
    name: 'add',
    add: { checksum: 'sha256:x', keepGitDir: false, unpack: true, sources: ['a b'], dest: '/c', link: false },
  });
  expect(step('SHELL ["sh", "-e"]')).toEqual({ name: 'shell', words: ['sh', '-e'] });
  expect(step('MAINTAINER me <me@x>')).toEqual({ name: 'maintainer', word: 'me <me@x>' });
  expect(step('ONBUILD COPY <<x /y\nz\nx')).toEqual({ name: 'onbuild', trigger: 'COPY <<x /y\nz\nx' });
});

test.each([
  ['FOO a', 'dockerfile parse error on line 2: unknown instruction: FOO'],
  ['Runn a', 'dockerfile parse error on line 2: unknown instruction: Runn (did you mean run?)'],
  ['run --moun=x a', 'dockerfile parse error on line 2: unknown flag: --moun (did you mean mount?)'],
  ['COPY a', 'COPY requires at least two arguments, but only one was provided. Destination could not be determined'],
  ['COPY a <<b\nb', 'COPY cannot accept a heredoc as a destination'],
  ['COPY --link=x a b', 'expecting boolean value for flag --link, not: x'],
  ['COPY --link= a b', 'missing a value on flag: --link'],
  ['COPY --from a b', 'missing a value on flag: --from'],
  ['RUN --network=x a', 'invalid network mode "x"'],
  ['RUN --security=x a', 'security "x" is not valid'],
  ['RUN --mount=from=$x,target=/a b', "'from' doesn't support variable expansion, define alias stage instead"],
  ["RUN --mount='a\"b' c", 'failed to parse csv mounts: parse error on line 1, column 2: bare " in non-quoted-field'],
  ['RUN --device=a,b c', "invalid field 'b' must be a key=value pair"],
  ['FROM a b', 'FROM requires either one or three arguments'],
  ['FROM a AS 1', 'invalid name for build stage: "1", name can\'t start with a number or contain symbols'],
  ['SHELL sh', 'SHELL requires the arguments to be in JSON form'],
  ['SHELL []', 'SHELL requires at least one argument'],
  ['ARG', 'ARG requires at least one argument'],
  ['ARG =x', 'ARG names can not be blank'],
  ['MAINTAINER', 'MAINTAINER requires exactly one argument'],
])('%s is refused', (text, message) => {
  let failure: unknown;
  try {
    parse(`FROM x\n${text}`);
  } catch (error) {
    failure = error;
  }
  expect((failure as Error).message).toContain(message);
  expect(linesOf(failure)[0]?.start).toBe(2);
});

test('an instruction in front of the first FROM is refused', () => {
  expect(() => parse('RUN x\nFROM y')).toThrow('no build stage in current context');
});
