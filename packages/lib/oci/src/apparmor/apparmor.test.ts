import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AppArmorFiles, defaultProfile, hasAppArmor, loadedProfiles } from '.';

describe('AppArmor of the host', () => {
  let directory: string;
  let files: AppArmorFiles;
  const path = (name: string): string => join(directory, name);
  const kernel = (enabled: string, profiles: string): void => {
    writeFileSync(files.enabled, enabled);
    writeFileSync(files.profiles, profiles);
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-apparmor-'));
    files = {
      enabled: path('enabled'),
      profiles: path('profiles'),
      parser: ['/bin/sh', '-c', 'cat > "$0.new" && mv "$0.new" "$0"', path('loaded')],
    };
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('is not there where the kernel does not say so', async () => {
    expect(hasAppArmor(files)).toBe(false);
    kernel('N\n', '');
    expect(hasAppArmor(files)).toBe(false);
    expect(await loadedProfiles(files)).toBeUndefined();
    expect(await defaultProfile(files)).toBeUndefined();
  });

  it('loads the default profile where it is missing, and leaves one of its name alone', async () => {
    kernel('Y\n', 'lsb_release (enforce)\n/usr/bin/man (complain)\n');
    expect(await loadedProfiles(files)).toEqual(new Set(['lsb_release', '/usr/bin/man', '']));
    expect(await defaultProfile(files)).toBe('docker-default');
    expect(readFileSync(path('loaded'), 'utf8')).toMatch(/^profile docker-default flags=\(attach_disconnected,mediate_deleted\) \{\n/);
    rmSync(path('loaded'));
    kernel('Y\n', 'docker-default (enforce)\n');
    expect(await defaultProfile(files)).toBe('docker-default');
    expect(() => readFileSync(path('loaded'))).toThrow('ENOENT');
  });

  it('says by name that it cannot be loaded', async () => {
    kernel('Y\n', '');
    const said = defaultProfile({ ...files, parser: ['/bin/sh', '-c', 'echo no such feature >&2; exit 1'] });
    await expect(said).rejects.toThrow('AppArmor is enabled and the profile docker-default cannot be loaded: /bin/sh: no such feature');
    expect(await defaultProfile({ ...files, parser: ['/nonexistent'] })).toBeUndefined();
  });
});
