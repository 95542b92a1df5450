import { parseSeccompProfile } from './profile';

const profile = (change: object): string => JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', ...change });

test.each([
  [{ architectures: ['a'], archMap: [{ architecture: 'b' }] }, "use either 'architectures' or 'archMap'"],
  [{ syscalls: [{ names: ['read'] }, { name: 'chmod', names: ['fchmod'], action: 'SCMP_ACT_ERRNO' }] }, "use either 'name' or 'names'"],
])('a profile that says a thing twice is refused: %j', (change, message) => {
  expect(() => parseSeccompProfile(profile(change))).toThrow(message);
});

test.each([{ name: 'chmod' }, { name: '', names: ['chmod'] }, { name: 'chmod', names: [] }])('%j says it once', (rule) => {
  expect(parseSeccompProfile(profile({ syscalls: [rule] })).syscalls).toEqual([rule]);
});
