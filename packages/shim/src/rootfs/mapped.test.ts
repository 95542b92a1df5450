import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { syscalls } from '@gantry/linux';
import { silentLogger } from '@gantry/rpc';
import { Helper } from '@gantry/native';
import { parseMountOptions } from './mount-options';
import { HostRootfsMounter } from './rootfs';

test('uidmap and gidmap are taken out of the options, and must be whole', () => {
  expect(parseMountOptions(['ro', 'uidmap=0:100000:65536,65536:7:1', 'gidmap=0:5:9', 'index=off'])).toEqual({
    flags: 1,
    data: 'index=off',
    map: { uids: '0 100000 65536\n65536 7 1\n', gids: '0 5 9\n' },
  });
  expect(parseMountOptions(['index=off']).map).toBeUndefined();
  expect(() => parseMountOptions(['uidmap=0:1:1'])).toThrow('uidmap and gidmap need each other');
  for (const wrong of ['uidmap=', 'uidmap=0:1', 'gidmap=0:1:-1', 'uidmap=a:b:c'])
    expect(() => parseMountOptions([wrong])).toThrow('is not made of INSIDE:OUTSIDE:COUNT');
});

const [major = 0, minor = 0] = readFileSync('/proc/sys/kernel/osrelease', 'latin1').split('.').map(Number);
const native = join(__dirname, '../../../../dist/gantry-native');
const missing =
  process.getuid?.() !== 0
    ? 'root'
    : !existsSync(native)
      ? 'gantry-native'
      : major < 6 || (major === 6 && minor < 15)
        ? 'Linux 6.15'
        : undefined;

(missing === undefined ? test : test.skip)(
  `layers are stacked and bound through a map; what is written has the ids of inside on disk${missing === undefined ? '' : ` [needs ${missing}]`}`,
  async () => {
    const work = mkdtempSync(join(tmpdir(), 'gantry-mapped-'));
    const at = (...parts: string[]): string => join(work, ...parts);
    const helper = new Helper({ binary: native, cgroups: [], logger: silentLogger });
    const mounter = new HostRootfsMounter({ mount: async (...words) => syscalls.mount(...words) }, helper);
    const map = ['uidmap=0:100000:65536', 'gidmap=0:200000:65536'];
    const as = (script: string): string =>
      execFileSync('setpriv', ['--reuid', '100000', '--regid', '200000', '--clear-groups', 'sh', '-c', script], { encoding: 'utf8' });
    try {
      execFileSync('chmod', ['755', work]);
      for (const directory of ['one', 'two', 'snapshot/fs', 'snapshot/work', 'target']) mkdirSync(at(directory), { recursive: true });
      writeFileSync(at('one/kept'), 'lower');
      writeFileSync(at('two/gone'), '');
      chownSync(at('one/kept'), 7, 8);
      await mounter.mount(at('target'), [
        {
          type: 'overlay',
          source: 'overlay',
          target: '',
          options: [`lowerdir=${at('two')}:${at('one')}`, `upperdir=${at('snapshot/fs')}`, `workdir=${at('snapshot/work')}`, ...map],
        },
      ]);
      expect(statSync(at('target/kept'))).toMatchObject({ uid: 100007, gid: 200008 });
      expect(as(`cd ${at('target')}; touch made; rm gone; chmod 700 . && mv made moved; stat -c %u:%g moved`)).toBe('100000:200000\n');
      expect(statSync(at('snapshot/fs/moved'))).toMatchObject({ uid: 0, gid: 0 });
      expect(statSync(at('snapshot/fs/gone')).isCharacterDevice()).toBe(true);
      await mounter.unmount(at('target'));
      await mounter.mount(at('target'), [{ type: 'bind', source: at('one'), target: '', options: ['rbind', 'ro', ...map] }]);
      expect(statSync(at('target/kept'))).toMatchObject({ uid: 100007, gid: 200008 });
      expect(() => writeFileSync(at('target/new'), '')).toThrow(/EROFS|EOVERFLOW/);
      await mounter.unmount(at('target'));
      await expect(mounter.mount(at('target'), [{ type: 'tmpfs', source: 'tmpfs', target: '', options: map }])).rejects.toThrow(
        'an id map needs an overlay or a bind',
      );
      await expect(
        mounter.mount(at('target'), [{ type: 'bind', source: at('none'), target: '', options: ['rbind', ...map] }]),
      ).rejects.toThrow(`map ${at('none')}: No such file or directory`);
    } finally {
      await mounter.unmount(at('target'));
      await helper.stop();
      rmSync(work, { recursive: true, force: true });
    }
  },
);
