import { formatPlatform, hostPlatform } from '@gantry/oci';
import type { Outcome } from '../frontend/frontend';
import { platformWarnings } from './verify-platforms';

const outcome = { definition: { def: [Buffer.from('op')] } } as Outcome;
const scratch = { outcomes: new Map([['', { definition: undefined } as Outcome]]), metadata: new Map<string, Buffer>() };
const one = { outcomes: new Map([['', outcome]]), metadata: new Map<string, Buffer>() };
const listed = (...names: string[]) => ({
  outcomes: new Map(names.map((name) => [name, outcome])),
  metadata: new Map([
    [
      'refs.platforms',
      Buffer.from(
        JSON.stringify({
          Platforms: names.map((ID) => {
            const [os, architecture] = ID.split('/');
            return { ID, Platform: { os, architecture } };
          }),
        }),
      ),
    ],
  ]),
});
const asked = (platform?: string) => new Map(platform === undefined ? [] : [['platform', platform]]);

test.each([
  [asked(), one, []],
  [asked(formatPlatform(hostPlatform())), one, []],
  [asked('linux/amd64,linux/arm64'), one, ['Multiple platforms requested but result is not multi-platform']],
  [asked('linux/amd64,linux/arm64'), listed('linux/amd64', 'linux/arm64'), []],
  [asked('linux/s390x'), listed('linux/arm64'), ['Requested platform "linux/s390x" does not match result platform "linux/arm64"']],
  [
    asked('linux/amd64,linux/arm64'),
    listed('linux/amd64', 'linux/s390x'),
    ['Requested platforms linux/amd64,linux/arm64 do not match result platforms linux/amd64,linux/s390x'],
  ],
  [asked('linux/amd64,linux/amd64'), one, ['Duplicate platform result requested "linux/amd64"']],
  [asked('x'), { outcomes: new Map(), metadata: new Map() }, []],
  [asked('linux/amd64,linux/arm64'), scratch, []],
])('%# what was asked for beside what was made', (options, result, warnings) => {
  expect(platformWarnings(options, result)).toEqual(warnings);
});
