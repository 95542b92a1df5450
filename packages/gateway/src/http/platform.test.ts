import { negotiate } from '@gantry/docker-api';
import { archivePlatforms, parsePlatform } from './platform';
import { Query } from './query';

test('a platform that nobody knows is refused before anybody is asked; a part alone is completed', () => {
  expect(() => parsePlatform('foobar')).toThrow(
    expect.objectContaining({
      kind: 'invalidArgument',
      message: '"foobar": unknown operating system or architecture: invalid argument',
    }) as Error,
  );
  for (const wrong of ['linux/amd64/v1/x', 'linux/', '/amd64', 'li nux/amd64'])
    expect(() => parsePlatform(wrong)).toThrow(expect.objectContaining({ kind: 'invalidArgument' }) as Error);
  expect(parsePlatform('')).toBeUndefined();
  expect(parsePlatform('linux/aarch64')).toEqual({ os: 'linux', architecture: 'arm64', variant: '', osVersion: '' });
  expect(parsePlatform('arm64')).toMatchObject({ os: 'linux', architecture: 'arm64' });
});

test('an archive takes several platforms since API 1.52 only', () => {
  const asked = (newest: boolean, ...platforms: string[]) =>
    archivePlatforms({
      version: newest ? { ...negotiate('1.51'), atLeast: () => true } : negotiate('1.51'),
      query: new Query(platforms.map((platform) => `platform=${encodeURIComponent(platform)}`).join('&')),
    });
  const arm = '{"os":"linux","architecture":"arm64"}';
  expect(asked(false)).toEqual([]);
  expect(asked(false, arm)).toMatchObject([{ architecture: 'arm64' }]);
  expect(() => asked(false, arm, '{"os":"linux","architecture":"amd64"}')).toThrow(
    expect.objectContaining({ kind: 'invalidArgument', message: 'multiple platform parameters not supported' }) as Error,
  );
  expect(asked(true, arm, arm)).toHaveLength(2);
});
