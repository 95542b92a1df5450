import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatPlatform } from '@gantry/oci';
import { parseEmulator, readEmulators } from './binfmt';
import { emulation, type Machine, supportedPlatforms } from './support';

/** As the kernel shows what Debian's qemu-user-static registers. */
const aarch64 = (flags = 'POCF', first = 'enabled'): string =>
  `${first}\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: ${flags}\noffset 0\nmagic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n`;
const s390x = `enabled\ninterpreter /usr/bin/qemu-s390x-static\nflags: \noffset 0\nmagic 7f454c4602020100000000000000000000020016\nmask ffffffffffffff00fffffffffffffffffffeffff\n`;

describe('platforms that run here', () => {
  const machine = (emulators: Awaited<ReturnType<Machine['emulators']>>, level = 2): Machine => ({
    host: { os: 'linux', architecture: 'amd64' },
    amd64Level: async () => level,
    emulators: async () => emulators,
  });
  const registered = [parseEmulator('qemu-aarch64', aarch64()), parseEmulator('qemu-s390x', s390x)].flatMap((each) => each ?? []);

  it('reads what is registered with the kernel', async () => {
    expect(registered.map(({ held, machine: { bits, bigEndian, number } }) => [held, bits, bigEndian, number])).toEqual([
      [true, 64, false, 183],
      [false, 64, true, 22],
    ]);
    expect(parseEmulator('x', aarch64('F', 'disabled'))).toBeUndefined();
    expect(parseEmulator('python', 'enabled\ninterpreter /usr/bin/python3\nflags: \noffset 0\nmagic cb0d0d0a\n')).toBeUndefined();
    const folder = mkdtempSync(join(tmpdir(), 'binfmt-'));
    try {
      mkdirSync(join(folder, 'd'));
      for (const name of ['register', 'status', 'qemu-aarch64']) writeFileSync(join(folder, name), aarch64());
      expect((await readEmulators(folder)).map(({ name }) => name)).toEqual(['qemu-aarch64']);
      expect(await readEmulators(join(folder, 'none'))).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('tells them, the own first', async () => {
    const shown = (await supportedPlatforms(machine(registered))).map(formatPlatform);
    expect(shown).toEqual(['linux/amd64', 'linux/386', 'linux/amd64/v2', 'linux/arm64', 'linux/s390x']);
  });

  it('mounts an emulator that the kernel does not hold, and says what is missing', async () => {
    const needs = (architecture: string, variant?: string): ReturnType<typeof emulation> =>
      emulation({ os: 'linux', architecture, ...(variant === undefined ? {} : { variant }) }, machine(registered));
    expect(await needs('amd64')).toEqual({ mounts: [] });
    expect(await needs('386')).toEqual({ mounts: [] });
    expect(await needs('amd64', 'v2')).toEqual({ mounts: [] });
    expect(await needs('arm64')).toEqual({ mounts: [] });
    expect(await needs('s390x')).toMatchObject({ mounts: [{ destination: '/usr/bin/qemu-s390x-static', readonly: true }] });
    expect((await needs('riscv64')).missing).toMatch(
      /^no emulator for linux\/riscv64 is registered on this host: install Debian's package qemu-user-static/,
    );
    await expect(needs('amd64', 'v3')).rejects.toThrow(
      'no support for running processes with linux/amd64/v3 platform, supported: linux/amd64, linux/amd64/v2',
    );
    await expect(emulation({ os: 'windows', architecture: 'amd64' }, machine([]))).rejects.toThrow('windows/amd64');
    await expect(needs('constructor')).rejects.toThrow('no support for running processes with linux/constructor platform');
  });
});
