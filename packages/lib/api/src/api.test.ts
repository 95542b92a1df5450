import { TaskExit } from './gen/containerd/events/events';
import { ReadContentResponse } from './gen/containerd/services/content/v1/content';
import {
  formatTimestamp,
  fromTimestamp,
  isAny,
  loadDescriptorSet,
  packAny,
  parseTimestamp,
  timestampNow,
  toTimestamp,
  unpackAny,
} from './index';

test("an Any carries containerd's type URL and is read with any prefix", () => {
  const exit = { containerID: 'c', id: 'c', pid: 7, exitStatus: 137, exitedAt: parseTimestamp('2024-05-01T10:00:00.000000001Z') };
  const any = packAny(TaskExit, TaskExit.create(exit as Parameters<typeof TaskExit.create>[0]));
  expect(any.typeUrl).toBe('containerd.events.TaskExit');
  const read = unpackAny({ ...any, typeUrl: `type.googleapis.com/${any.typeUrl}` }, TaskExit);
  expect(read).toMatchObject({ pid: 7, exitStatus: 137, exitedAt: { seconds: 1714557600n, nanos: 1 } });
  expect(isAny(any, ReadContentResponse)).toBe(false);
  expect(unpackAny(undefined, TaskExit)).toBeUndefined();
});

test('64-bit fields are bigint and exact', () => {
  const message = { offset: 9007199254740993n, data: Buffer.from('x') };
  expect(ReadContentResponse.decode(ReadContentResponse.encode(message).finish())).toEqual(message);
});

test.each([
  ['2024-05-01T10:00:00Z', '2024-05-01T10:00:00Z'],
  ['2024-05-01T10:00:00.120000000Z', '2024-05-01T10:00:00.12Z'],
  ['2024-05-01T10:00:00.000000001Z', '2024-05-01T10:00:00.000000001Z'],
  ['2024-05-01T12:00:00.5+02:00', '2024-05-01T10:00:00.5Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
])('time %s', (text, written) => expect(formatTimestamp(parseTimestamp(text))).toBe(written));

test('times and dates', () => {
  expect(() => parseTimestamp('yesterday')).toThrow(RangeError);
  const before = new Date(-1);
  expect(toTimestamp(before)).toEqual({ seconds: -1n, nanos: 999_000_000 });
  expect(fromTimestamp(toTimestamp(before))).toEqual(before);
  expect(Math.abs(fromTimestamp(timestampNow()).getTime() - Date.now())).toBeLessThan(1000);
});

test('the descriptor set knows our services', async () => {
  const set = await loadDescriptorSet();
  expect(set.includes('containerd.services.tasks.v1')).toBe(true);
  expect(set.includes('gantry.engine.v1')).toBe(true);
});
