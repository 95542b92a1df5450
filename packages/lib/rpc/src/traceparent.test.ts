import { childTrace, formatTraceparent, parseTraceparent } from './traceparent';

const good = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test('parses and writes what W3C says', () => {
  const trace = parseTraceparent(good);
  expect(trace).toEqual({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', flags: 1 });
  expect(trace && formatTraceparent(trace)).toBe(good);
});

test.each([
  '',
  '00',
  good.toUpperCase(),
  good.replace('00-', 'ff-'),
  `${good}-more`,
  `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
  `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
])('refuses "%s"', (header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});

test('a later version may say more', () => {
  expect(parseTraceparent(`${good.replace('00-', '01-')}-more`)?.flags).toBe(1);
});

test('a child keeps trace and flags', () => {
  const parent = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', flags: 0 };
  const child = childTrace(parent);
  expect(child).toMatchObject({ traceId: parent.traceId, flags: 0 });
  expect(child.spanId).not.toBe(parent.spanId);
  expect(parseTraceparent(formatTraceparent(childTrace()))).toBeDefined();
});
