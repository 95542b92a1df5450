import { familiarName, familiarString, formatReference, parseReference, tryReference, withDefaultTag } from './reference';

const digest = `sha256:${'a'.repeat(64)}`;

test.each([
  ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['busybox:1', 'docker.io/library/busybox:1', 'busybox:1'],
  ['library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['index.docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
  ['a/b', 'docker.io/a/b:latest', 'a/b:latest'],
  ['library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
  ['localhost/x', 'localhost/x:latest', 'localhost/x:latest'],
  ['localhost:5000/x:y', 'localhost:5000/x:y', 'localhost:5000/x:y'],
  ['127.0.0.1:5000/a/b/c', '127.0.0.1:5000/a/b/c:latest', '127.0.0.1:5000/a/b/c:latest'],
  ['[::1]:5000/x', '[::1]:5000/x:latest', '[::1]:5000/x:latest'],
  ['Host/x', 'Host/x:latest', 'Host/x:latest'],
  ['a__b/c-----d.e', 'docker.io/a__b/c-----d.e:latest', 'a__b/c-----d.e:latest'],
  [`busybox@${digest}`, `docker.io/library/busybox@${digest}`, `busybox@${digest}`],
  [`busybox:1@${digest}`, `docker.io/library/busybox:1@${digest}`, `busybox:1@${digest}`],
])('%s', (text, full, familiar) => {
  const reference = withDefaultTag(parseReference(text));
  expect(formatReference(reference)).toBe(full);
  expect(familiarString(reference)).toBe(familiar);
  expect(withDefaultTag(parseReference(familiar))).toEqual(reference);
});

test.each([
  ['', 'invalid reference format'],
  ['Busybox', 'invalid reference format: repository name (library/Busybox) must be lowercase'],
  ['a/B', 'invalid reference format: repository name (a/B) must be lowercase'],
  ['busybox:', 'invalid reference format'],
  [':tag', 'invalid reference format'],
  ['busybox:a b', 'invalid reference format'],
  [`busybox:${'x'.repeat(129)}`, 'invalid reference format'],
  ['busybox@sha256:abc', 'invalid reference format'],
  [`busybox@sha256:${'a'.repeat(63)}`, 'invalid checksum digest length'],
  [`busybox@md5:${'a'.repeat(32)}`, 'unsupported digest algorithm'],
  ['a//b', 'invalid reference format'],
  ['a/../b', 'invalid reference format'],
  ['-a', 'invalid reference format'],
  ['a___b', 'invalid reference format'],
  ['http://x/y', 'invalid reference format'],
  ['x'.repeat(300), 'repository name must not be more than 255 characters'],
  ['a'.repeat(64), `invalid repository name (${'a'.repeat(64)}), cannot specify 64-byte hexadecimal strings`],
])('%j is refused', (text, message) => {
  expect(() => parseReference(text)).toThrow(
    expect.objectContaining({ kind: 'invalidArgument', message: expect.stringContaining(message) as unknown }),
  );
  expect(tryReference(text)).toBeUndefined();
});

/** One that goes back over what it has read would take hours. */
test('parsing hostile input is quick', () => {
  const began = performance.now();
  for (const text of ['a-'.repeat(500), `${'a'.repeat(900)}!`, 'a/'.repeat(400), `${'a.'.repeat(300)}/x`]) tryReference(text);
  expect(performance.now() - began).toBeLessThan(5000);
});

test('a familiar name has no tag', () => {
  expect(familiarName(parseReference('busybox:1'))).toBe('busybox');
});
