import { foreignPlatform } from './foreign-platform';

const amd64 = { platform: { os: 'linux', architecture: 'amd64' }, level: () => Promise.resolve(3) };
const arm64 = { platform: { os: 'linux', architecture: 'arm64' }, level: () => Promise.reject(new Error('not asked')) };

test.each([
  [amd64, 'amd64', '', undefined],
  [amd64, 'amd64', 'v2', undefined],
  [amd64, 'amd64', 'v4', 'linux/amd64/v4'],
  [amd64, '386', '', undefined],
  [amd64, 'arm64', 'v8', 'linux/arm64/v8'],
  [arm64, 'arm64', 'v8', undefined],
  [arm64, 'arm', 'v7', undefined],
  [arm64, 'amd64', '', 'linux/amd64'],
])('on %j an image for %s %s', async (machine, architecture, variant, told) => {
  const host = machine === amd64 ? 'linux/amd64/v3' : 'linux/arm64';
  const text = `The requested image's platform (${told}) does not match the detected host platform (${host}) and no specific platform was requested`;
  expect(await foreignPlatform({ os: 'linux', architecture, variant }, machine)).toBe(told === undefined ? undefined : text);
});
