import { defaults } from '../config';
import { gcRules, readSpace } from './gc-rules';

const config = (gc: Partial<(typeof defaults)['gc']>) => ({ gc: { ...defaults.gc, ...gc } });

test('the default rules keep, use and leave parts of the disk', () => {
  const rules = gcRules(config({}), 1000e9);
  expect(rules.map(({ all, keepMs = 0 }) => [all, keepMs / 3_600_000])).toEqual([
    [false, 48],
    [false, 1440],
    [false, 0],
    [true, 0],
  ]);
  expect(rules[0]?.maxUsedSpace).toBeCloseTo(13.8e9, -8);
  expect(rules[3]).toMatchObject({ reservedSpace: 100e9, maxUsedSpace: 800e9, minFreeSpace: 200e9 });
});

test('rules of the configuration take their place, sizes theirs, and nothing is collected where it is off', () => {
  expect(
    gcRules(config({ policy: [{ all: true, filter: ['type==regular'], 'keep-duration': '48h', 'max-used-space': '1GB' }] }), 1),
  ).toEqual([{ filters: ['type==regular'], all: true, keepMs: 172_800_000, reservedSpace: 0, maxUsedSpace: 2 ** 30, minFreeSpace: 0 }]);
  expect(gcRules(config({ 'reserved-space': '10GB' }), 1000e9)[2]).toMatchObject({
    reservedSpace: 10 * 2 ** 30,
    maxUsedSpace: 0,
    minFreeSpace: 0,
  });
  expect(gcRules(config({ enabled: false }), 1)).toEqual([]);
});

test.each(['lots', '10 %%', '-1GB'])('the size %s is refused', (text) => {
  expect(() => readSpace(text, 1)).toThrow(`gc: "${text}"`);
});
