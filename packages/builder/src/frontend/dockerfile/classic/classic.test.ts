import { parseStages, readLines, type Step } from '@gantry/dockerfile';
import { openBuildStore } from '../../../store';
import { Dates } from './dates';
import { classicTables, classicTrees, StoredSteps } from './known-steps';
import { refuseNew } from './refuse';
import { unusedArgs } from './unused-args';

const stepOf = (text: string): Step => {
  const [step] = parseStages(readLines(`FROM a\n${text}\n`)).stages[0]?.steps ?? [];
  if (step === undefined) throw new Error(text);
  return step;
};

test.each([
  ['RUN --mount=type=tmpfs,target=/x true', 'the --mount option requires BuildKit'],
  ['RUN --network=none true', 'the --network option requires BuildKit'],
  ['COPY --link --chmod=1 a /b', 'the --chmod option requires BuildKit'],
  ['ADD --checksum=sha256:1 http://a/b /b', 'the --checksum option requires BuildKit'],
  ['COPY a b /c', 'When using COPY with more than one source file'],
  ['ADD a b /c', 'When using ADD with more than one source file'],
  ['COPY <<E /c\nx\nE', 'COPY failed: no source files were specified'],
  ['RUN <<E\nx\nE', 'RUN with a here-document requires BuildKit'],
])('%s is refused', (text, message) => {
  expect(() => refuseNew(stepOf(text))).toThrow(message);
});

test.each(['RUN true --mount', 'COPY --link --chown=1:2 --from=a b c /d/', 'ADD --chown=1 a /b', 'ENV A=--mount'])('%s is done', (text) => {
  refuseNew(stepOf(text));
});

test('build arguments that no ARG names are told, but for those that are always there', () => {
  const given = ['Z', 'B', 'A', 'C', 'http_proxy'];
  expect(unusedArgs('ARG A\nFROM a\nARG B=2\n', given)).toEqual(['C', 'Z']);
});

test('steps that were done are known again, with their images', () => {
  const steps = new StoredSteps(openBuildStore(':memory:', [classicTables], [classicTrees]));
  expect(steps.find('a')).toEqual([]);
  steps.put('a', { created: '2026-01-01', image: 'sha256:1', tree: '' });
  steps.put('a', { created: '2026-01-02', image: 'sha256:2', tree: '' });
  steps.put('a', { created: '2026-01-01', image: 'sha256:1', tree: '' });
  // One that was used again is no newer for that.
  expect([steps.find('a').map(({ image }) => image), steps.find('b')]).toEqual([['sha256:2', 'sha256:1'], []]);
});

test('history tells when each step was done, in the classic words', () => {
  const base = { created: '2020-01-01T00:00:00Z', created_by: 'base' };
  const own = (created_by: string) => ({ created_by, comment: 'buildkit.dockerfile.v0' });
  const steps = [own('ENV A=1'), own('RUN /bin/sh -c true # buildkit'), own('COPY a /b # buildkit')];
  const image = (count: number, config = {}) => Buffer.from(JSON.stringify({ config, history: [base, ...steps.slice(0, count)] }));
  const dates = new Dates();
  dates.note(image(1), 'one');
  dates.note(image(2), 'two');
  dates.note(image(2), 'later');
  dates.note(image(3), 'three');
  expect(JSON.parse(dates.dated(image(3)).toString())).toEqual({
    config: {},
    created: 'three',
    history: [
      base,
      { created: 'one', created_by: '/bin/sh -c #(nop)  ENV A=1' },
      { created: 'two', created_by: '/bin/sh -c true' },
      { created: 'three', created_by: '/bin/sh -c #(nop) COPY a /b' },
    ],
  });
  const shell = JSON.parse(dates.dated(image(1, { Shell: ['/x', '-y'] })).toString()) as { history: unknown[] };
  expect(shell.history.at(-1)).toEqual({ created: 'one', created_by: '/x -y #(nop)  ENV A=1' });
});
