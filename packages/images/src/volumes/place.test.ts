import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { volumesRoot } from './place';

test('volumes of a store that had them in its own directory move out, once', () => {
  const root = mkdtempSync(join(tmpdir(), 'gi-place-'));
  try {
    const data = join(root, 'images');
    mkdirSync(join(data, 'volumes/v/_data'), { recursive: true });
    writeFileSync(join(data, 'volumes/v/_data/f'), 'kept');
    for (let start = 0; start < 2; start++) {
      expect(volumesRoot(data)).toBe(join(root, 'volumes'));
      expect(readFileSync(join(root, 'volumes/v/_data/f'), 'utf8')).toBe('kept');
      expect(existsSync(join(data, 'volumes'))).toBe(false);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});
