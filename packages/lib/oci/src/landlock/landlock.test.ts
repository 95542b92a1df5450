import { parseLandlock } from '.';

test('rules are words of rights and paths', () => {
  expect(parseLandlock('rx:/usr,ro:/etc/a:b,rw:/data,rwx:/')).toEqual([
    { path: '/usr', access: 0b1101 },
    { path: '/etc/a:b', access: 0b1100 },
    { path: '/data', access: 0b1111_1111_1111_1110 },
    { path: '/', access: 0b1111_1111_1111_1111 },
  ]);
});

test.each(['', 'ro', '/usr', 'ro:usr', 'wo:/usr', 'ro:/a,,ro:/b', 'constructor:/x'])('"%s" is refused', (text) =>
  expect(() => parseLandlock(text)).toThrow('invalid Landlock rule "'),
);
