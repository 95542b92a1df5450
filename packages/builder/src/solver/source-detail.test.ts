import { Definition, type Source } from '@gantry/api/pb/ops';
import { detailsOf, internal } from '@gantry/rpc';
import type { Vertex } from '../llb';
import { withSources } from './source-detail';
import { stepError } from './step-error';

const told = (definition: Buffer[]): unknown => {
  const source: Source = {
    infos: [
      {
        filename: 'Dockerfile',
        language: 'Dockerfile',
        data: Buffer.from('RUN x'),
        definition: Definition.fromPartial({ def: definition }),
      },
    ],
    locations: {
      'sha256:1': { locations: [{ sourceIndex: 0, ranges: [{ start: { line: 1, character: 0 }, end: { line: 1, character: 0 } }] }] },
    },
  };
  const failure = withSources(stepError({ origin: 'sha256:1' } as Vertex, internal('no')), source);
  return JSON.parse(detailsOf(failure).at(-1)?.value.toString() ?? '');
};

test('of several places the last that was given is told first', () => {
  const info = (filename: string): Source['infos'][number] => ({ filename, language: '', data: Buffer.alloc(0), definition: undefined });
  const locations = [0, 1].map((sourceIndex) => ({ sourceIndex, ranges: [] }));
  const source: Source = { infos: [info('a'), info('b')], locations: { 'sha256:1': { locations } } };
  const failure = withSources(stepError({ origin: 'sha256:1' } as Vertex, internal('no')), source);
  const names = detailsOf(failure).map(({ value }) => (JSON.parse(value.toString()) as { info?: { filename: string } }).info?.filename);
  expect(names.filter((name) => name !== undefined)).toEqual(['b', 'a']);
});

test('a failed step is told with its place, and with how the file came about', () => {
  expect(told([Buffer.from('op')])).toEqual({
    info: {
      filename: 'Dockerfile',
      language: 'Dockerfile',
      data: Buffer.from('RUN x').toString('base64'),
      definition: { def: [Buffer.from('op').toString('base64')], metadata: {} },
    },
    ranges: [{ start: { line: 1 }, end: { line: 1 } }],
  });
  expect(told([Buffer.alloc(10_000)])).toMatchObject({ info: { filename: 'Dockerfile' } });
  expect(told([Buffer.alloc(10_000)])).not.toHaveProperty('info.definition');
});
