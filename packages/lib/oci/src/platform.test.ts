import { amd64Level } from './amd64-level';
import { formatPlatform, hostPlatform, parsePlatform, type Platform, runnable, selectPlatform } from './platform';

test.each([
  [{ os: 'Linux', architecture: 'x86_64' }, 'linux/amd64'],
  [{ os: 'linux', architecture: 'aarch64', variant: '8' }, 'linux/arm64'],
  [{ os: 'linux', architecture: 'arm64', variant: 'v9' }, 'linux/arm64/v9'],
  [{ os: 'linux', architecture: 'arm' }, 'linux/arm/v7'],
  [{ os: 'linux', architecture: 'armel' }, 'linux/arm/v6'],
  [{ os: 'linux', architecture: 'amd64', variant: 'v3' }, 'linux/amd64/v3'],
])('%j', (platform, text) => expect(formatPlatform(platform)).toBe(text));

test("parts that are left out are the host's", () => {
  const host = { os: 'linux', architecture: 'arm64' };
  expect(formatPlatform(parsePlatform('amd64', host))).toBe('linux/amd64');
  expect(formatPlatform(parsePlatform('linux', host))).toBe('linux/arm64');
  expect(formatPlatform(parsePlatform('linux/arm/v6', host))).toBe('linux/arm/v6');
  expect(parsePlatform('windows(10.0)/amd64', host)).toEqual({ os: 'windows', architecture: 'amd64', 'os.version': '10.0' });
  expect(() => parsePlatform('foobar', host)).toThrow('"foobar": unknown operating system or architecture');
  expect(() => parsePlatform('linux/', host)).toThrow('"" is an invalid component of "linux/"');
  for (const wrong of ['', 'a/b/c/d', 'linux/../x', 'nonsense', 'a b'])
    expect(() => parsePlatform(wrong, host)).toThrow(expect.objectContaining({ kind: 'invalidArgument' }));
});

test('the best that runs is taken', () => {
  const of = (text: string) => ({ name: text, platform: parsePlatform(text) });
  const index = [of('linux/386'), of('linux/arm/v6'), of('linux/arm/v7'), of('linux/amd64'), of('linux/arm64'), of('windows/amd64')];
  expect(selectPlatform(index, parsePlatform('linux/amd64'))?.name).toBe('linux/amd64');
  expect(selectPlatform(index, parsePlatform('linux/arm64'))?.name).toBe('linux/arm64');
  expect(selectPlatform(index, parsePlatform('linux/arm/v8'))?.name).toBe('linux/arm/v7');
  expect(selectPlatform([of('linux/386')], parsePlatform('linux/amd64'))?.name).toBe('linux/386');
  expect(selectPlatform(index, parsePlatform('linux/s390x'))).toBeUndefined();
  expect(selectPlatform<{ name: string; platform?: Platform }>([{ name: 'any' }], hostPlatform())?.name).toBe('any');
  expect(runnable(parsePlatform('linux/arm/v6')).map(formatPlatform)).toEqual(['linux/arm/v6', 'linux/arm/v5']);
});

test("a processor's level is the newest of which it has all flags", () => {
  const second = 'fpu cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3';
  const third = `${second} abm avx avx2 bmi1 bmi2 f16c fma movbe xsave`;
  expect([amd64Level('flags\t\t: fpu\n'), amd64Level(`flags : ${second}\n`), amd64Level(`model: x\nflags\t: ${third}\n`)]).toEqual([
    1, 2, 3,
  ]);
});
