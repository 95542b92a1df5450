import { formatJson, parseJson } from './json';

test('integers beyond 2^53 survive', () => {
  const text = '{"soft":18446744073709551615,"hard":1024,"neg":-9223372036854775808,"share":0.5,"big":1e300}';
  expect(parseJson(text)).toEqual({ soft: 18446744073709551615n, hard: 1024, neg: -9223372036854775808n, share: 0.5, big: 1e300 });
  expect(formatJson(parseJson(text))).toBe(text.replace('1e300', '1e+300'));
  expect(() => parseJson('{')).toThrow(SyntaxError);
});
