import { chmod, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { internal } from '@gantry/rpc/errors';
import type { CommonConfig } from './config';
import { foreign } from './store';

/**
 * Run root 0711 (others may pass to docker.sock), everything below it and the data root 0700. A directory of somebody else is refused: who owns it
 * may exchange what lies in it.
 */
export async function makeRoots(config: Pick<CommonConfig, 'root' | 'run'>, data: string): Promise<void> {
  const wanted: [path: string, mode: number][] = [
    [config.run, 0o711],
    [join(config.run, 's'), 0o700],
    [config.root, 0o700],
    [data, 0o700],
  ];
  const self = geteuid?.() ?? 0;
  for (const [path, mode] of wanted) {
    try {
      await mkdir(path, { recursive: true, mode });
      const { uid, mode: present } = await stat(path);
      if (uid !== self) throw foreign(path, `belongs to user ${uid}, not to user ${self} that runs this service`);
      if ((present & 0o7777) !== mode) await chmod(path, mode); // mkdir's mode is cut by the umask, and an older directory may be looser
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === undefined ? error : internal(`directory ${path} cannot be used`, { cause: error });
    }
  }
}
