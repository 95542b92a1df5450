import { openBuildStore } from '../../../store';
import { build, busybox } from '../testing/fake-bridge';
import { classicTables, classicTrees, StoredSteps } from './known-steps';
import { makeClassicFrontend } from './make-classic-frontend';
import { type ClassicTeller, TELLER } from './teller';

const warned: string[] = [];
const teller: ClassicTeller = {
  text: () => Promise.resolve(),
  allow: () => undefined,
  image: () => Promise.resolve(),
  step: async ({ run, warnings }) => {
    warned.push(...warnings);
    await run();
    return { cached: false };
  },
};
const frontend = makeClassicFrontend({
  tellers: new Map([['t', teller]]),
  known: new StoredSteps(openBuildStore(':memory:', [classicTables], [classicTrees])),
  images: { keep: () => Promise.resolve('sha256:kept'), has: () => Promise.resolve(true) },
  platform: { os: 'linux', architecture: 'amd64' },
});
const images = { 'docker.io/library/busybox:latest': { ...busybox, architecture: 'arm64' } };
const modes = async (file: string, options: Record<string, string> = {}): Promise<(string | undefined)[]> => {
  const { resolved } = await build(file, { frontend, images, options: { ...options, [TELLER]: 't' } });
  return resolved.map((text) => / (\w+) (\w+): /.exec(text)?.slice(1, 3).join(' '));
};

test('a base that is here for another platform alone is taken where none was asked for, else pulled', async () => {
  expect(await modes('FROM busybox\nENV A=1')).toEqual(['amd64 default']);
  expect(await modes('FROM busybox\nENV A=1', { platform: 'linux/amd64' })).toEqual(['amd64 default', 'amd64 pull']);
  expect(await modes('FROM --platform=linux/amd64 busybox\nENV A=1')).toEqual(['amd64 default', 'amd64 pull']);
  expect(await modes('FROM busybox\nENV A=1', { platform: 'linux/arm64' })).toEqual(['arm64 default']);
});

test('a step on it is told with a warning', async () => {
  warned.length = 0;
  await modes('FROM busybox\nENV A=1\nENV B=2');
  const other = expect.stringMatching(
    /^The requested image's platform \(linux\/arm64\) does not match the detected host platform/,
  ) as string;
  expect(warned).toEqual(process.arch === 'arm64' ? [] : [other, other]);
});
