import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount } from '@gantry/api/containerd/types/types';
import { mountAt, unmount, unmountBelow } from '../mounts/mount';
import { makeDirectory, removeVolatileMark } from './own-files';

const WORK = 'workdir=';
const VOLATILE = 'volatile';

/** The directory of one container: its tree, its streams, its files. */
export class Place {
  readonly rootfs: string;
  private readonly points: string[] = [];
  /** Directories that overlayfs works in, of trees that are mounted volatile. */
  private readonly works: string[] = [];
  private made = 0;

  private constructor(readonly directory: string) {
    this.rootfs = join(directory, 'rootfs');
  }

  /** Makes the directory and mounts the tree in it. */
  static async make(parent: string, id: string, root: readonly Mount[]): Promise<Place> {
    const place = new Place(join(parent, id));
    makeDirectory(place.rootfs);
    try {
      for (const mount of root) await place.mountRoot(mount);
      return place;
    } catch (error) {
      await place.leave();
      throw error;
    }
  }

  /** A path in the directory that nobody else uses. */
  path(name: string): string {
    return join(this.directory, `${name}${this.made++}`);
  }

  /** Mounts at a path of this place, until `leave`. */
  async mount(target: string, mount: Mount, how: { readonly?: boolean }): Promise<void> {
    await mountAt(target, mount, how);
    this.points.push(target);
  }

  /** Unmounts the last first, and removes the directory. */
  async leave(): Promise<void> {
    await this.unmount();
    await this.remove();
  }

  /** Unmounts the last first: the tree is free. */
  async unmount(): Promise<void> {
    for (let point = this.points.pop(); point !== undefined; point = this.points.pop()) await unmount(point);
    for (const work of this.works.splice(0)) removeVolatileMark(work);
  }

  /** Removes the directory, in which nothing is mounted any more. */
  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  /**
   * The step's tree. One that is written to is mounted volatile: unmounting else flushes the whole file system, as long as that takes. What a crash of the machine
   * leaves is put right as that of any unpacked layer is (ADR 0271).
   */
  private async mountRoot(mount: Mount): Promise<void> {
    const work = mount.type === 'overlay' ? mount.options.find((option) => option.startsWith(WORK)) : undefined;
    if (work === undefined) return this.mount(this.rootfs, mount, {});
    this.works.push(work.slice(WORK.length));
    await this.mount(this.rootfs, { ...mount, options: [...mount.options.filter((option) => option !== VOLATILE), VOLATILE] }, {});
  }
}

/** Unmounts all that a former life mounted below a directory of ours, and removes it. */
export async function removePlaces(directory: string): Promise<void> {
  await unmountBelow(directory);
  await rm(directory, { recursive: true, force: true });
}
