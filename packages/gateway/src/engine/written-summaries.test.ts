import { type ApiVersion, negotiate } from '@gantry/docker-api';
import type { ListedContainer, ListResponse } from '@gantry/api/gantry/engine/v1/containers';
import { ContainerSummary } from '@gantry/api/gantry/engine/v1/types';
import { WrittenSummaries } from './written-summaries';

const version: ApiVersion = negotiate('1.45', '1.24');
const row = (number: number, change: Partial<ContainerSummary> = {}, rest: Partial<ListedContainer> = {}): ListedContainer => ({
  row: number,
  summary: Buffer.from(ContainerSummary.encode(ContainerSummary.fromPartial({ Id: `id${number}`, ...change })).finish()),
  status: 'Created',
  sizeRw: undefined,
  sizeRootFs: undefined,
  ...rest,
});
const part = (containers: ListedContainer[], epoch = 'e', known = containers.length): ListResponse => ({ containers, epoch, known });
const read = (text: string): Record<string, unknown>[] => JSON.parse(`[${text}]`) as Record<string, unknown>[];

it('writes what the codec writes, with the status of now, and takes a row that it knows as it wrote it', () => {
  const summaries = new WrittenSummaries();
  const labels = { Status: '', '"Status":""': '"', a: 'ü' };
  const first = read(summaries.json(part([row(1, { Names: ['/a'], Labels: labels }), row(2)]), version));
  expect(first).toMatchObject([{ Id: 'id1', Names: ['/a'], Labels: labels, Status: 'Created' }, { Id: 'id2' }]);
  expect(Object.keys(first[0] ?? {})).not.toContain('SizeRw');
  const again = read(summaries.json(part([row(1, { Id: 'not looked at' }, { status: 'Exited (0) "now"' })]), version));
  expect(again).toEqual([{ ...first[0], Status: 'Exited (0) "now"' }]);
});

it('writes anew for another version of the API, after a restart of the engine, and with sizes', () => {
  const summaries = new WrittenSummaries();
  const described = { ImageManifestDescriptor: { mediaType: 'm', digest: 'd', size: 1n, annotations: {}, urls: [], platform: undefined } };
  expect(read(summaries.json(part([row(1, described)]), version))[0]).not.toHaveProperty('ImageManifestDescriptor');
  expect(read(summaries.json(part([row(1, described)]), negotiate('1.50', '1.24')))[0]).toHaveProperty('ImageManifestDescriptor');
  expect(read(summaries.json(part([row(1, { Id: 'other' })], 'f'), version))).toMatchObject([{ Id: 'other' }]);
  expect(read(summaries.json(part([row(1, { Id: 'other' }, { sizeRw: 0n, sizeRootFs: 5n })], 'f'), version))).toMatchObject([
    { SizeRw: 0, SizeRootFs: 5 },
  ]);
  expect(read(summaries.json(part([row(1)], 'f'), version))).toMatchObject([{ Id: 'other' }]);
});

it('keeps no more rows than containers can have', () => {
  const summaries = new WrittenSummaries();
  for (let number = 1; number <= 1000; number++) summaries.json(part([row(number)], 'e', 10), version);
  expect(summaries.size).toBeLessThanOrEqual(2 * 10 + 64);
  expect(read(summaries.json(part([row(1000, { Id: 'not looked at' })], 'e', 10), version))).toMatchObject([{ Id: 'id1000' }]);
  expect(read(summaries.json(part([], 'e', 0), version))).toEqual([]);
  expect(summaries.size).toBeLessThanOrEqual(64);
});
