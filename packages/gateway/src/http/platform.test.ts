import { parsePlatform } from './platform';

test('a platform that nobody knows is refused before anybody is asked; a part alone is completed', () => {
  expect(() => parsePlatform('foobar')).toThrow(
    expect.objectContaining({ kind: 'invalidArgument', message: '"foobar": unknown operating system or architecture' }) as Error,
  );
  for (const wrong of ['linux/amd64/v1/x', 'linux/', '/amd64', 'li nux/amd64'])
    expect(() => parsePlatform(wrong)).toThrow(expect.objectContaining({ kind: 'invalidArgument' }) as Error);
  expect(parsePlatform('')).toBeUndefined();
  expect(parsePlatform('linux/aarch64')).toEqual({ os: 'linux', architecture: 'arm64', variant: '', osVersion: '' });
  expect(parsePlatform('arm64')).toMatchObject({ os: 'linux', architecture: 'arm64' });
});
