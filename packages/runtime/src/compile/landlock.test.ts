import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Spec } from '@gantry/oci';
import { LANDLOCK_ANNOTATION } from '@gantry/oci/landlock';
import { shell } from '../testing/container';
import { describeBoxes } from '../testing/harness';
import { createOperations } from './create';

/** The version of the kernel's Landlock; 0 where it has none. Asked by the number of the call, which is the same on all machines. */
const version = ((): number => {
  const { stdout } = spawnSync('python3', ['-c', 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))']);
  return Math.max(0, Number(String(stdout ?? '')) || 0);
})();
if (version < 1) process.stderr.write('SKIP: Landlock is not tested: the kernel does not have it\n');

const held = (script: string, rules: string, change: (spec: Spec) => void = () => undefined): Spec =>
  shell(script, (s) => {
    s.annotations = { [LANDLOCK_ANNOTATION]: rules };
    change(s);
  });

test('an annotation that is no rule is refused by its name', () => {
  expect(() => createOperations(held('true', 'all:/'), { rootfs: '/r', bundle: '/b', id: 'x' } as never)).toThrow(
    'gantry.landlock: invalid Landlock rule "all:/"',
  );
});

if (version >= 1)
  describeBoxes('Landlock', (box) => {
    const system = 'rx:/bin,rw:/dev,ro:/proc';
    beforeEach(() => {
      mkdirSync(join(box.rootfs, 'data'), { recursive: true });
      mkdirSync(join(box.rootfs, 'srv'), { recursive: true });
      writeFileSync(join(box.rootfs, 'data/f'), 'data\n');
      writeFileSync(join(box.rootfs, 'srv/f'), 'srv\n');
    });

    test('allows what its rules say and nothing else, to root and its children, too', async () => {
      const script =
        'cat /data/f; echo new > /data/new && echo wrote; cat /srv/f || echo unread; ls / >/dev/null 2>&1 || echo unlisted; echo x > /bin/x || echo unwritten; sh -c "cat /srv/f" || echo still; echo $((1+1)) > /dev/null && echo null';
      const { stdout, code } = await box.run(held(`{ ${script}; } 2>/dev/null`, `${system},rw:/data`));
      expect([stdout, code]).toEqual(['data\nwrote\nunread\nunlisted\nunwritten\nstill\nnull\n', 0]);
    });

    test.each([false, true])('holds a user without rights, no-new-privileges %s', async (noNewPrivileges) => {
      const { stdout } = await box.run(
        held('cat /data/f; cat /srv/f 2>/dev/null || echo unread', `${system},ro:/data/f`, (s) => {
          s.process!.user = { uid: 1000, gid: 1000 };
          s.process!.noNewPrivileges = noNewPrivileges;
        }),
      );
      expect(stdout).toBe('data\nunread\n');
    });

    test('a program that no rule lets run, and a path that is not there, are told', async () => {
      expect((await box.run(held('true', 'ro:/bin'))).lines.at(-1)).toMatch(/program_refused exec .*: permission denied$/i);
      expect((await box.run(held('true', `${system},ro:/none`))).lines.at(-1)).toMatch(/landlock: open \/none: no such file/i);
    });
  });
