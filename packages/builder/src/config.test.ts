import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commonDefaults } from '@gantry/service';
import { parse } from 'yaml';
import { addressesOf, type BuilderConfig, checkConfig, defaults } from './config';

const config = (change: Partial<BuilderConfig> = {}) => ({ ...commonDefaults, ...defaults, ...change });

test('the sample holds every key with its default', () => {
  expect(parse(readFileSync(join(__dirname, '../../../deploy/config/build.yaml'), 'utf8'))).toEqual(defaults);
});

test('images are ours beside our supervisor, and those of the containerd that is named', () => {
  expect(addressesOf(config(), '/run/g')).toEqual({
    containerd: '/run/g/supervisor.sock',
    images: '/run/g/images.sock',
    network: '/run/g/network.sock',
  });
  expect(addressesOf(config({ 'containerd-address': '/run/containerd/containerd.sock' }), '/run/g')).toMatchObject({
    containerd: '/run/containerd/containerd.sock',
    images: '/run/containerd/containerd.sock',
  });
});

test.each([
  [{ addresses: ['0.0.0.0:1234'] }, 'address 0.0.0.0:1234 is open to the network: it needs tlscacert, tlscert and tlskey'],
  [{ addresses: ['127.0.0.1'] }, 'addresses: "127.0.0.1" is not HOST:PORT'],
  [{ addresses: ['tcp://0.0.0.0:1234'] }, 'address 0.0.0.0:1234 is open to the network'],
  [{ addresses: ['unix:///run/b.sock'] }, 'addresses: "unix:///run/b.sock" is not HOST:PORT'],
  [{ addresses: ['quic://127.0.0.1:1234'] }, 'addresses: "quic://127.0.0.1:1234" is not HOST:PORT'],
  [{ addresses: ['127.0.0.1:1'], tlskey: '/k' }, 'TLS needs tlscacert, tlscert and tlskey'],
  [{ 'insecure-entitlements': ['all'] }, 'insecure-entitlements: "all" is none of network.host, security.insecure, device'],
  [{ gc: { ...defaults.gc, policy: [{ keep: '1h' } as never] } }, 'gc.policy: unknown key "keep"'],
  [{ 'cri-namespace': 'a b' }, 'cri-namespace "a b" is not a valid name'],
  [{ 'containerd-address': 'x' }, 'containerd-address "x" is not an absolute path'],
  [{ labels: ['x'] }, 'labels: "x" is not key=value'],
])('%j is refused by name', (change, message) => {
  expect(() => checkConfig(config(change))).toThrow(message);
});

test('addresses on loopback need no certificates', () => {
  expect(() => checkConfig(config({ addresses: ['127.0.0.1:1234', 'tcp://[::1]:1234', 'localhost:1'] }))).not.toThrow();
});
