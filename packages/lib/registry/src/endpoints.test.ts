import { parseChallenges } from './challenges';
import { endpointsOf, isInsecure } from './endpoints';

test('challenges are read as RFC 9110 writes them', () => {
  expect(parseChallenges('Bearer realm="https://a/t",service="s",scope="r:a:pull,push", Basic realm=x')).toEqual([
    { scheme: 'bearer', parameters: { realm: 'https://a/t', service: 's', scope: 'r:a:pull,push' } },
    { scheme: 'basic', parameters: { realm: 'x' } },
  ]);
});

test('endpoints: mirrors for Docker Hub only, plain HTTP only where it is allowed', () => {
  const config = { mirrors: ['http://127.0.0.1:5000'], insecure: ['10.0.0.0/8', 'reg.local:80'] };
  expect(endpointsOf('docker.io', config).map(({ base }) => base.origin)).toEqual([
    'http://127.0.0.1:5000',
    'https://registry-1.docker.io',
  ]);
  expect(endpointsOf('quay.io', config).map(({ base }) => base.origin)).toEqual(['https://quay.io']);
  expect(endpointsOf('localhost:5000', config).map(({ base }) => base.origin)).toEqual(['https://localhost:5000', 'http://localhost:5000']);
  expect(['127.0.0.1:1', '[::1]:5000', '10.1.2.3:5000', 'reg.local:80'].map((host) => isInsecure(host, config.insecure))).toEqual([
    true,
    true,
    true,
    true,
  ]);
  // A name counts by what it resolves to, as for dockerd.
  expect(isInsecure('named.example:5000', config.insecure, ['192.0.2.1', '10.9.8.7'])).toBe(true);
  expect(isInsecure('named.example', [], ['127.0.1.1'])).toBe(true);
  expect(isInsecure('named.example', config.insecure, ['192.0.2.1'])).toBe(false);
  const addresses = new Map([['named.example:5000', ['10.9.8.7']]]);
  expect(endpointsOf('named.example:5000', config, undefined, addresses).map(({ base }) => base.protocol)).toEqual(['https:', 'http:']);
  expect(['example.org', '192.168.0.1', '127.evil.org'].map((host) => isInsecure(host, config.insecure))).toEqual([false, false, false]);
});
