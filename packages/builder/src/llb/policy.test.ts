import { Policy } from '@gantry/api/moby/buildkit/v1/sourcepolicy/policy';
import { sourcePolicy } from './policy';

type Rule = Parameters<typeof Policy.fromPartial>[0]['rules'];
const ALLOW = 0;
const DENY = 1;
const CONVERT = 2;

function apply(
  rules: Rule,
  identifier: string,
  attrs: Record<string, string> = {},
): { identifier: string; attrs: Record<string, string>; changed: unknown } {
  const source = { identifier, attrs };
  const changed = sourcePolicy([Policy.fromPartial({ version: 1n, ...(rules === undefined ? {} : { rules }) })])?.(source);
  return { ...source, changed };
}

const image = (name: string): string => `docker-image://docker.io/library/${name}`;

test('of rules that allow and deny the last one that matches wins', () => {
  const deny = { action: DENY, selector: { identifier: image('busybox:*') } };
  const allow = { action: ALLOW, selector: { identifier: image('busybox:latest') } };
  expect(apply([deny, allow], image('busybox:latest')).changed).toBe(false);
  expect(() => apply([allow, deny], image('busybox:latest'))).toThrow(
    expect.objectContaining({
      kind: 'forbidden',
      message: expect.stringContaining(`source "${image('busybox:latest')}" denied by policy`) as string,
    }),
  );
  expect(apply([deny], image('alpine:latest')).changed).toBe(false);
});

test('a source is converted by wildcard, expression or name, its attributes too, and judged again', () => {
  const wild = {
    action: CONVERT,
    selector: { identifier: image('golang:*') },
    updates: { identifier: image('golang:${1}-alpine'), attrs: { 'http.checksum': 'c' } },
  };
  const once = { ...wild, selector: { identifier: image('golang:1.19') } };
  expect(apply([{ ...wild, selector: { identifier: image('go:*') } }], image('go:1.19'))).toEqual({
    identifier: image('golang:1.19-alpine'),
    attrs: { 'http.checksum': 'c' },
    changed: true,
  });
  expect(() => apply([wild], image('golang:1'))).toThrow('too many mutations on a single source');
  expect(apply([{ ...once, updates: { identifier: 'x://y' } }], image('golang:1.19')).identifier).toBe('x://y');
  expect(
    apply([{ action: CONVERT, selector: { identifier: 'o(ld)$', matchType: 2 }, updates: { identifier: 'new-$1' } }], 'an old').identifier,
  ).toBe('an new-ld');
});

test('attributes of a source must fit', () => {
  const deny = (condition: number, value: string): Rule => [
    { action: DENY, selector: { identifier: 'git://*', constraints: [{ key: 'k', value, condition }] } },
  ];
  expect(() => apply(deny(0, 'v'), 'git://x', { k: 'v' })).toThrow('denied');
  expect(apply(deny(0, 'v'), 'git://x', { k: 'w' }).changed).toBe(false);
  expect(apply(deny(1, 'v'), 'git://x', { k: 'v' }).changed).toBe(false);
  expect(() => apply(deny(2, '^(a|b)+$'), 'git://x', { k: 'abab' })).toThrow('denied');
  expect(apply(deny(2, '^(a|b)+$'), 'git://x', { k: `${'a'.repeat(50_000)}c` }).changed).toBe(false);
});

test('what is no pattern is refused', () => {
  expect(() => apply([{ action: DENY, selector: { identifier: '(', matchType: 2 } }], 'x')).toThrow(
    expect.objectContaining({ kind: 'invalidArgument' }),
  );
  expect(() => apply([{ action: DENY, selector: { identifier: 'a**b' } }], 'x')).toThrow('invalid wildcard');
  expect(() => apply([{ action: DENY }], 'x')).toThrow('invalid nil selector in policy');
});
