import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseMode, type ModeChange } from './mode';

/** As the C program does it (packages/native/tree/copy_file.c). */
function applied(changes: readonly ModeChange[], old: number, directory: boolean): number {
  let now = old;
  for (const { command, where, bits } of changes) {
    if (command === '+') now |= bits;
    else if (command === '-') now &= ~bits;
    else if (command === 'X') now |= (old & 0o111) !== 0 || directory ? bits : 0;
    else {
      const value = (now >> { u: 6, g: 3, o: 0 }[command]) & 7;
      for (const [flag, shift] of [
        [16, 6],
        [4, 3],
        [8, 0],
      ] as const) {
        if ((where & flag) === 0) continue;
        if ((where & 1) !== 0) now &= ~((where & 2 ? 7 : value) << shift);
        if ((where & 2) !== 0) now |= value << shift;
      }
    }
  }
  return now & 0o7777;
}

// What chmod(1) makes of it is what is meant.
test.each(['755', '0644', 'u+x', 'go-w', 'a=rX', 'u=rwX,go=rX', '+t', 'g=u', 'o=u-w', 'u+s,g+s', '=rw', 'u=rwx,g=,o=', 'g+u', 'u+X,a-x'])(
  'mode %s',
  (text) => {
    const folder = mkdtempSync(join(tmpdir(), 'gantry-mode-'));
    try {
      const file = join(folder, 'f');
      writeFileSync(file, '');
      for (const old of [0o644, 0o755, 0o600, 0o111]) {
        chmodSync(file, old);
        execFileSync('sh', ['-c', 'umask 0; chmod "$1" "$2"', 'sh', text, file]);
        expect([old.toString(8), applied(parseMode(text), old, false).toString(8)]).toEqual([
          old.toString(8),
          (statSync(file).mode & 0o7777).toString(8),
        ]);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test.each(['', 'u', '8', '77777', 'z+x', 'u+q', 'u+x,'])('mode %j is none', (text) => {
  expect(() => parseMode(text)).toThrow(expect.objectContaining({ kind: 'invalidArgument' }));
});
