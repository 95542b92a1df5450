/** linux.netDevices: devices of the host that a container gets. */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Spec } from '@gantry/oci';
import { dockerLikeSpec } from '../testing/container';
import { Box, describeContainers } from '../testing/harness';

const can = spawnSync('sh', ['-c', 'ip link add gtprobe0 type veth peer name gtprobe1 && ip link del gtprobe0']).status === 0;

describeContainers('network devices of the host', () => {
  const check = can ? test : test.skip;
  const needs = can ? '' : ' [needs ip and veth devices]';
  let box: Box;
  let name = '';
  const ip = (...words: string[]): string => execFileSync('ip', words, { encoding: 'utf8' });
  const spec = (devices: Record<string, { name?: string }>, change: (spec: Spec) => void = () => undefined): Spec => {
    const result = dockerLikeSpec(['busybox', 'ip', 'addr', 'show']);
    result.linux!.netDevices = devices;
    change(result);
    return result;
  };
  beforeEach(() => {
    box = new Box();
    name = `gt${randomBytes(3).toString('hex')}`;
    if (!can) return;
    ip('link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', `${name}b`);
    ip('link', 'set', `${name}a`, 'mtu', '1400', 'address', '02:00:00:00:00:07');
    ip('addr', 'add', '10.254.7.1/24', 'dev', `${name}a`);
    ip('addr', 'add', 'fd00:7::1/64', 'dev', `${name}a`);
  });
  afterEach(async () => {
    await box.close();
    if (can) spawnSync('ip', ['link', 'del', `${name}b`]);
  });

  check(`are moved under their new name, with addresses, mtu and mac, and are up${needs}`, async () => {
    const { stdout, stderr, code } = await box.run(spec({ [`${name}a`]: { name: 'eth7' } }));
    expect([stderr, code]).toEqual(['', 0]);
    expect(stdout).toMatch(/eth7@?\S*: <[^>]*\bUP\b[^>]*> mtu 1400[^]*02:00:00:00:00:07[^]*inet 10\.254\.7\.1\/24[^]*inet6 fd00:7::1\/64/);
    expect(spawnSync('ip', ['link', 'show', `${name}a`]).status).not.toBe(0);
  });

  check(`go to a network namespace by path${needs}`, async () => {
    ip('netns', 'add', name);
    try {
      const { stdout } = await box.run(
        spec({ [`${name}a`]: {} }, (s) => {
          s.linux!.namespaces!.find((n) => n.type === 'network')!.path = `/run/netns/${name}`;
        }),
      );
      expect(stdout).toMatch(new RegExp(`${name}a@?\\S*: <[^>]*UP[^]*10\\.254\\.7\\.1/24`));
      expect(ip('-n', name, 'link', 'show', `${name}a`)).toContain('mtu 1400');
    } finally {
      ip('netns', 'del', name);
    }
  });

  check(`go to a container with ids of its own${needs}`, async () => {
    const map = [{ containerID: 0, hostID: 100000, size: 65536 }];
    const { stdout } = await box.run(
      spec({ [`${name}a`]: { name: 'eth0' } }, (s) => {
        s.linux!.namespaces!.push({ type: 'user' });
        Object.assign(s.linux!, { uidMappings: map, gidMappings: map });
      }),
    );
    expect(stdout).toMatch(/eth0@?\S*: <[^>]*UP[^]*10\.254\.7\.1\/24/);
  });

  test('that are not there, or cannot be had, are named', async () => {
    expect((await box.run(spec({ nosuch0: {} }))).lines.at(-1)).toBe('error invalid network device "nosuch0": no such device');
    const refuse = (devices: Record<string, { name?: string }>, change?: (spec: Spec) => void) => () => box.launch(spec(devices, change));
    await expect(refuse({ 'a/b': {} })()).rejects.toThrow('linux.netDevices: "a/b" is not a name');
    await expect(refuse({ a: { name: 'x'.repeat(16) } })()).rejects.toThrow('is not a name of a network device');
    await expect(refuse({ a: { name: 'x' }, b: { name: 'x' } })()).rejects.toThrow('two devices are named "x"');
    await expect(
      refuse({ a: {} }, (s) => {
        s.linux!.namespaces = s.linux!.namespaces!.filter((n) => n.type !== 'network');
      })(),
    ).rejects.toThrow('linux.netDevices need a network namespace');
  });
});
