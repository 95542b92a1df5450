import { parseCidr } from '../../address/cidr';
import { inheritBlock } from './inherit';

const warnings: string[] = [];
beforeEach(() => void warnings.splice(0));

const settle = (of: { has?: string[]; range?: string; subnet?: string; foreign?: boolean; former?: string; family?: 4 | 6 }) =>
  inheritBlock(
    { subnet: of.subnet ?? '', range: of.range ?? '' },
    {
      family: of.family ?? 4,
      present: (of.has ?? []).flatMap((text) => parseCidr(text) ?? []),
      foreign: of.foreign ?? false,
      former: of.former ?? '',
      warn: (text) => void warnings.push(text),
    },
  );

describe('what a device says of the default bridge’s subnet', () => {
  test.each([
    ['nothing is said', {}, '', ''],
    ['a range alone', { range: '10.1.2.0/24' }, '10.1.2.0/24', '10.1.2.0/24'],
    ['a range that begins in the middle', { range: '10.1.2.3/24' }, '10.1.2.0/24', '10.1.2.3/24'],
    ['a subnet that is said', { has: ['10.1.2.3/24'], subnet: '10.9.9.9/24' }, '10.9.9.9/24', ''],
    ['an address', { has: ['fd00::1/64', '10.1.2.3/24'] }, '10.1.2.3/24', ''],
    ['the one it had, of several', { has: ['10.1.2.3/24', '10.1.3.3/24'], former: '10.1.3.3' }, '10.1.3.3/24', ''],
    ['a range within', { has: ['10.1.2.88/20'], range: '10.1.0.0/24' }, '10.1.2.88/20', '10.1.0.0/24'],
    ['a larger range', { has: ['10.1.2.88/24'], range: '10.1.2.0/20' }, '10.1.2.88/20', '10.1.2.0/20'],
    ['a range elsewhere', { has: ['10.1.2.88/24'], range: '10.1.3.0/24' }, '10.1.3.0/24', '10.1.3.0/24'],
    ['the subnet that the range lies in', { has: ['10.1.0.8/20', '10.1.16.8/20'], range: '10.1.17.0/24' }, '10.1.16.8/20', '10.1.17.0/24'],
  ])('%s', (_name, of, subnet, range) => expect(settle(of)).toEqual({ subnet, range }));

  test.each([
    ['the kernel’s own is none', { has: ['fe80::42/64'] }, ''],
    ['unless the range is of the link', { has: ['fe80::42/64'], range: 'fe80::/64' }, 'fe80::42/64'],
    ['other link-local ones are as any', { has: ['fe80::42/64', 'fe80:1::88/56'], range: 'fe80:1::/64' }, 'fe80:1::88/56'],
  ])('of IPv6 %s', (_name, of, subnet) => expect(settle({ family: 6, ...of }).subnet).toBe(subnet));

  test.each([
    ['smaller', '10.1.2.0/20'],
    ['elsewhere', '10.9.0.0/24'],
  ])('a device of the host’s whose subnet is %s than the range keeps what it has', (_name, range) => {
    expect(settle({ has: ['10.1.2.88/24'], range, foreign: true })).toEqual({ subnet: '10.1.2.88/24', range: '' });
    expect(warnings).toEqual([expect.stringContaining(`range ${range} is no part of a subnet`)]);
  });

  test('and of IPv6 that is an error, as nothing is from of old', () => {
    const of = { family: 6 as const, foreign: true, has: ['fd00::8/64'] };
    expect(settle({ ...of, range: 'fd00::/80' })).toEqual({ subnet: 'fd00::8/64', range: 'fd00::/80' });
    for (const range of ['fd00::/60', 'fd01::/64']) expect(() => settle({ ...of, range })).toThrow(`range ${range} is no part`);
  });
});
