import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mountAt, unmountBelow } from '../../../mounts/mount';

/** Files whose contents must never reach a disk: on a file system in memory that only this service sees. */
export class HiddenFiles {
  private mounted: Promise<void> | undefined;

  /** `directory` is ours alone; it is made when it is needed. */
  constructor(private readonly directory: string) {}

  async write(data: Buffer, about: { readonly uid: number; readonly gid: number; readonly mode: number }): Promise<HiddenFile> {
    await (this.mounted ??= this.mount());
    const path = join(this.directory, randomBytes(16).toString('hex'));
    try {
      await writeFile(path, data, { mode: 0o600, flag: 'wx' });
      await chown(path, about.uid, about.gid);
      await chmod(path, about.mode & 0o777);
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
    return { path, remove: () => rm(path, { force: true }) };
  }

  /** Takes all of it away: at the end, and before the first use what a former life left. */
  async clear(): Promise<void> {
    this.mounted = undefined;
    await unmountBelow(this.directory);
    await rm(this.directory, { recursive: true, force: true });
  }

  private async mount(): Promise<void> {
    try {
      await mkdir(this.directory, { recursive: true, mode: 0o700 });
      await mountAt(this.directory, { type: 'tmpfs', source: 'tmpfs', target: '', options: ['nodev', 'nosuid', 'mode=0700'] });
    } catch (error) {
      this.mounted = undefined; // the next one tries again
      throw error;
    }
  }
}

export interface HiddenFile {
  readonly path: string;
  remove(): Promise<void>;
}
