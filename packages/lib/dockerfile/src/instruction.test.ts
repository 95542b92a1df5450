import { invalidArgument } from '@gantry/rpc/errors';
import { parseChanges } from './instruction';
import { isSignal } from './signal';

const parse = (text: string) => parseChanges(text, (name) => invalidArgument(`unknown instruction: ${name}`));
const one = (text: string) => parse(text)[0];

test('each instruction in each of its forms; quotes and variables are left as they are', () => {
  expect(
    parse(`
      # a comment
      cmd ["a", "b c"]
      ENTRYPOINT run "$ME" \\
        # between the parts

        twice
      ENV A=1 B="x y" C=a\\ b D='$A'
      env OLD  all "of this"
      LABEL "multi word"="v" k=
      EXPOSE 80   $PORTS/udp
      VOLUME ["/a b"]
      VOLUME /a  /b
      USER $U:1
      WORKDIR a b
      STOPSIGNAL KILL
      HEALTHCHECK --interval=1m30s --retries=3 CMD test -f /ok
      HEALTHCHECK --timeout="2s" CMD ["t"]
      healthcheck none
      ONBUILD RUN --mount=x make all
    `),
  ).toEqual([
    { name: 'cmd', command: { form: 'exec', words: ['a', 'b c'] } },
    { name: 'entrypoint', command: { form: 'shell', text: expect.stringMatching(/^run "\$ME" +twice$/) as string } },
    {
      name: 'env',
      pairs: [
        ['A', '1'],
        ['B', '"x y"'],
        ['C', 'a\\ b'],
        ['D', "'$A'"],
      ],
    },
    { name: 'env', pairs: [['OLD', 'all "of this"']], legacy: true },
    {
      name: 'label',
      pairs: [
        ['"multi word"', '"v"'],
        ['k', ''],
      ],
    },
    { name: 'expose', words: ['80', '$PORTS/udp'] },
    { name: 'volume', words: ['/a b'] },
    { name: 'volume', words: ['/a', '/b'] },
    { name: 'user', word: '$U:1' },
    { name: 'workdir', word: 'a b' },
    { name: 'stopsignal', word: 'KILL' },
    {
      name: 'healthcheck',
      check: { command: { form: 'shell', text: 'test -f /ok' }, interval: 90e9, timeout: 0, startPeriod: 0, startInterval: 0, retries: 3 },
    },
    {
      name: 'healthcheck',
      check: { command: { form: 'exec', words: ['t'] }, interval: 0, timeout: 2e9, startPeriod: 0, startInterval: 0, retries: 0 },
    },
    { name: 'healthcheck', check: 'none' },
    { name: 'onbuild', trigger: 'RUN --mount=x make all' },
  ]);
  expect(one('CMD')).toEqual({ name: 'cmd', command: { form: 'shell', text: '' } });
  expect(one('CMD ["a" b')).toEqual({ name: 'cmd', command: { form: 'shell', text: '["a" b' } });
  expect(one('ENV A=end\\')).toEqual({ name: 'env', pairs: [['A', 'end']] });
  expect(parse('# escape=`\nENV A=b` \n  C=d')).toEqual([
    {
      name: 'env',
      pairs: [
        ['A', 'b'],
        ['C', 'd'],
      ],
    },
  ]);
});

test.each([
  ['FROM x', 'unknown instruction: FROM'],
  ['CMD [1]', 'when using JSON array syntax, arrays must be comprised of strings only'],
  ['CMD --x a', 'unknown flag: --x'],
  ['ENV', 'ENV requires at least one argument'],
  ['ENV A', 'ENV must have two arguments'],
  ['ENV A=1 B', 'Syntax error - can\'t find = in "B". Must be of the form: name=value'],
  ['LABEL =x', 'LABEL names can not be blank'],
  ['EXPOSE', 'EXPOSE requires at least one argument'],
  ['VOLUME []', 'VOLUME requires at least one argument'],
  ['USER', 'USER requires exactly one argument'],
  ['HEALTHCHECK', 'HEALTHCHECK requires at least one argument'],
  ['HEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD'],
  ['HEALTHCHECK NONE x', 'HEALTHCHECK NONE takes no arguments'],
  ['HEALTHCHECK RUN x', 'Unknown type "RUN" in HEALTHCHECK (try CMD)'],
  ['HEALTHCHECK --bad=1 CMD a', 'unknown flag: --bad'],
  ['HEALTHCHECK --interval=x CMD a', 'invalid duration "x"'],
  ['HEALTHCHECK --interval=1us CMD a', 'cannot be less than 1ms'],
  ['HEALTHCHECK --retries=-1 CMD a', '--retries cannot be negative (-1)'],
  ['HEALTHCHECK --retries=1 --retries=2 CMD a', 'duplicate flag specified: --retries'],
  ['ONBUILD', 'ONBUILD requires at least one argument'],
  ['ONBUILD onbuild RUN x', "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
  ['ONBUILD FROM x', "FROM isn't allowed as an ONBUILD trigger"],
])('%s is refused', (text, message) => {
  expect(() => one(text)).toThrow(
    expect.objectContaining({ kind: 'invalidArgument', message: expect.stringContaining(message) as string }) as Error,
  );
});

test('signals', () => {
  expect(['9', 'KILL', 'sigterm', 'SIGRTMIN', 'RTMIN+3', 'RTMAX-14', 'RTMAX'].map(isSignal)).toEqual(Array.from({ length: 7 }, () => true));
  expect(['0', '65', '', 'NOSUCH', '-9', 'RTMIN-1', 'toString'].map(isSignal)).toEqual(Array.from({ length: 7 }, () => false));
});
