import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { syscalls } from '@gantry/linux';
import { mounted, script, type Subject, treeOf } from './tools';

/** What lies in the trees: each layer on the layers below is what the same steps make of one plain directory. */
export function treeCases(on: Subject): void {
  test('a file of a layer below is changed in its text alone, or in its mode alone, at any moment of a second', async () => {
    for (let left = 3; left > 0; left--) {
      await on.stack(
        'mkdir -m 700 etc; echo 10.0.0.1 > etc/hosts; echo PATH=/bin > etc/profile; chmod 644 etc/*',
        'echo 10.0.0.2 > etc/hosts; chmod 666 etc/profile; mkdir -m 700 root; echo x > root/.bashrc',
      );
      if (left > 1) await sleep(1000 - (Date.now() % 1000)); // two seconds that begin with it
    }
  });

  test('a directory that was removed and made anew hides what it had', () =>
    on.stack(
      'mkdir -m 700 lib; touch lib/hidden',
      'rm -r lib; mkdir -m 700 lib; touch lib/shown',
      'touch lib/new', //
    ));

  test('owners of directories and of what is in them change', () =>
    on.stack('mkdir -p -m 700 opt/a/b; echo hello > opt/a/b/file', 'chown -R 1:1 opt'));

  test('owners and modes of directories survive removal, making anew and the layer between', () =>
    on.stack(
      'mkdir -m 700 d1 d2 d3 d4 d5; echo . > d4/f; echo . > d5/f; chown 1:1 d1 d2 d3 d5 d5/f',
      'chown 0:0 d2; rmdir d3; chown 1:1 d4 d4/f',
      'mkdir -m 700 d3; chown 1:1 d3; rm -r d5; mkdir -m 700 d5; chown 1:1 d5',
    ));

  test('what was removed stays so in the layers above', () => on.stack('echo 1 > foo; echo 2 > foobar', 'rm foobar', 'true'));

  test('a file moves out of a layer below, and a link keeps one whose name goes', () =>
    on.stack(
      'mkdir -m 700 d1 d2; echo Hello > d1/f1; echo ... > d2/f2',
      'mkdir -m 700 d3; echo Hello > d3/f1; rm -r d1; ln d2/f2 d3/f2; rm d2/f2',
    ));

  test('names of one file, special files and attributes are those of one directory, and attributes change', () =>
    on.stack(
      (root) => {
        script('echo x > one; ln one two; ln -s one soft; mkfifo fifo; mknod zero c 1 5; mkdir d; echo y > f')(root);
        for (const name of ['d', 'f', 'soft']) syscalls.lsetxattr(join(root, name), 'trusted.a', Buffer.from('below'));
      },
      (root) => {
        script('rm zero; ln soft d/soft; ln f d/f')(root);
        syscalls.lremovexattr(join(root, 'd'), 'trusted.a');
        syscalls.lsetxattr(join(root, 'f'), 'trusted.a', Buffer.from('above'));
        syscalls.lsetxattr(join(root, 'd'), 'trusted.b', Buffer.from('above'));
      },
    ));

  test('directories and files are renamed, over others too', () =>
    on.stack(
      'mkdir -m 700 d1 some; echo first > some/f1; echo nothing > some/f2',
      'mv d1 d2; echo new > some/over; mv some/over some/f1; mv some/f2 some/f3',
    ));

  test('a view cannot be written to', async () => {
    await on.layer('base', '');
    await on.view('base', (root) => expect(() => writeFileSync(join(root, 'f'), 'no')).toThrow(/EROFS/));
    await on.remove('base');
  });

  test('the root of an empty snapshot has the mode 0755', async () => {
    const mode = await mounted(await on.prepare('empty'), (root) => lstatSync(root).mode & 0o7777);
    expect(mode.toString(8)).toBe('755');
    await on.remove('empty');
  });

  test('128 layers are shown as one tree, and the growing one while it is written', async () => {
    const flat = mkdtempSync(join(tmpdir(), 'gi-flat-'));
    try {
      script('chmod 755 .')(flat);
      const names = Array.from({ length: 128 }, (_none, at) => `deep-${at}`);
      for (const [at, as] of names.entries()) {
        const step =
          at === 0
            ? 'echo bottom > bottom; echo 0 > over; mkdir add only; echo bye > only/bottom'
            : `echo ${at} > over; echo same > add/${at}; rm -r only; mkdir only; echo mine > only/${at}`;
        await on.layer(as, names[at - 1] ?? '', (root) => {
          const same = (): void => void (at % 8 === 0 && expect(treeOf(root)).toEqual(treeOf(flat)));
          same();
          for (const each of [root, flat]) script(step)(each);
          same();
        });
      }
      expect(await on.view('deep-127', treeOf)).toEqual(treeOf(flat));
      await on.remove(...names.reverse());
    } finally {
      rmSync(flat, { recursive: true });
    }
  });
}
