import { otherRepository, sourceLabel, sourceLabels } from './source';

test('the label has the host without its port, and every repository once', () => {
  expect(['docker.io', '127.0.0.1:5000', 'reg.example:443', '[::1]:5000'].map(sourceLabel)).toEqual([
    'containerd.io/distribution.source.docker.io',
    'containerd.io/distribution.source.127.0.0.1',
    'containerd.io/distribution.source.reg.example',
    'containerd.io/distribution.source.::1',
  ]);
  const first = sourceLabels({ domain: '127.0.0.1:5000', path: 'a' }, undefined);
  const second = sourceLabels({ domain: '127.0.0.1:6000', path: 'b/c' }, first);
  expect(second).toEqual({ 'containerd.io/distribution.source.127.0.0.1': 'a,b/c' });
  expect(sourceLabels({ domain: '127.0.0.1:6000', path: 'a' }, second)).toEqual({ 'containerd.io/distribution.source.127.0.0.1': 'b/c,a' });
  expect(otherRepository({ domain: '127.0.0.1:7000', path: 'b/c' }, second)).toBe('a');
  expect(otherRepository({ domain: '127.0.0.1:7000', path: 'a' }, first)).toBeUndefined();
  expect(otherRepository({ domain: '127.0.0.2:7000', path: 'x' }, second)).toBeUndefined();
});

test('a label that would be too long forgets the oldest', () => {
  let labels = {};
  for (let at = 0; at < 100; at++) labels = sourceLabels({ domain: 'r', path: `${'p'.repeat(90)}/${at}` }, labels);
  const [[key, value]] = Object.entries(labels) as [[string, string]];
  expect(key.length + value.length).toBeLessThanOrEqual(4096);
  expect(value.endsWith('/99')).toBe(true);
});
