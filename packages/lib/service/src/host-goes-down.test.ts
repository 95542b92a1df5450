import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostGoesDown, type SystemdPlaces } from './host-goes-down';

describe('whether the host goes down', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-host-'));
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const saying = (script: string): SystemdPlaces => ({ running: directory, systemctl: ['/bin/sh', '-c', script, 'systemctl'] });

  test.each([
    ['stopping', 1, true],
    ['running', 0, false],
    ['degraded', 1, false],
    ['starting', 1, false],
    ['offline', 1, false],
  ])('systemd says %s', async (word, code, down) => expect(await hostGoesDown(saying(`echo ${word}; exit ${code}`))).toBe(down));

  test('systemd is asked for the state of the system', async () =>
    expect(await hostGoesDown(saying('[ "$*" = is-system-running ] && echo stopping'))).toBe(true));

  test('no systemd is no end of the host, nor is one that cannot be asked', async () => {
    expect(await hostGoesDown({ ...saying('echo stopping'), running: join(directory, 'none') })).toBe(false);
    expect(await hostGoesDown({ ...saying(''), systemctl: [join(directory, 'none')] })).toBe(false);
    expect(await hostGoesDown(saying('echo stopped >&2; exit 1'))).toBe(false);
  });
});
