import { chainId, chainIds, type Digest, digestAlgorithm, digester, digestHex, isDigest, parseDigest, sha256 } from './digest';

test('digests are checked', () => {
  const good = `sha256:${'0'.repeat(64)}`;
  expect(digestHex(parseDigest(good))).toBe('0'.repeat(64));
  expect(digestAlgorithm(parseDigest(`sha512:${'0'.repeat(128)}`))).toBe('sha512');
  expect([isDigest(good), isDigest(good.toUpperCase()), isDigest('sha256:../../etc')]).toEqual([true, false, false]);
  for (const [text, message] of [
    ['', 'format'],
    ['sha256', 'format'],
    ['sha256:', 'format'],
    [`sha256:${'0'.repeat(63)}`, 'length'],
    [`sha256:${'G'.repeat(64)}`, 'format'],
    [`sha256:${'A'.repeat(64)}`, 'format'],
    ['md5:00', 'unsupported'],
    ['toString:00', 'unsupported'],
  ] as const) {
    expect(() => parseDigest(text)).toThrow(message);
  }
});

test('chain ids as the image specification defines them', () => {
  const layers = ['a', 'b', 'c'].map((text) => sha256(text));
  const [a, b, c] = layers as [Digest, Digest, Digest];
  const ab = sha256(`${a} ${b}`);
  expect(chainIds(layers)).toEqual([a, ab, sha256(`${ab} ${c}`)]);
  expect(chainId(layers)).toBe(sha256(`${ab} ${c}`));
  expect(chainId([])).toBeUndefined();
});

test('pieces give the digest of the whole', () => {
  const pieces = digester();
  pieces.update('a');
  pieces.update(Buffer.from('b'));
  expect(pieces.digest()).toBe(sha256('ab'));
});
