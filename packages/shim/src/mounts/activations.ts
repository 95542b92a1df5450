import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { timestampNow } from '@gantry/api';
import { ActivationInfo, type ActiveMount, type Mount } from '@gantry/api/containerd/types/types';
import { alreadyExists, invalidArgument, notFound, notImplemented } from '@gantry/rpc';
import type { RootfsMounter } from '../rootfs/rootfs';

export interface Activation {
  readonly name: string;
  readonly mounts: readonly Mount[];
  readonly labels: Readonly<Record<string, string>>;
  readonly temporary: boolean;
}

const INFO = 'info';
/** What containerd's mount manager makes of a mount before it mounts it; the words stand before the type, `format/overlay`. */
const TRANSFORMS: ReadonlySet<string> = new Set(['format', 'mkdir', 'mkfs']);

/**
 * Mounts that are held for clients under a name, until they are deactivated or the host goes down: DIR/<namespace>/<hash of the name>/ has the
 * mount points 0, 1, … and, once all are mounted, `info`. A directory without one was left by a crash and is taken away.
 */
export class Activations {
  private readonly busy = new Map<string, Promise<unknown>>();

  constructor(
    private readonly dir: string,
    private readonly mounter: RootfsMounter,
  ) {}

  /** Mounts all of them. Where nothing has to be held, the caller is told to mount them itself, by notImplemented, as containerd does. */
  activate(namespace: string, request: Activation): Promise<ActivationInfo> {
    const { name, mounts, temporary } = request;
    if (name === '') throw invalidArgument('mount name must not be empty: invalid argument');
    for (const { type } of mounts) {
      const transform = /^([^/]*)\//.exec(type)?.[1];
      if (transform !== undefined && TRANSFORMS.has(transform))
        throw notImplemented(`mount "${name}": transform "${transform}" of type "${type}" is not supported: not implemented`);
    }
    if (!temporary || mounts.length === 0) throw notImplemented(`mount "${name}": its mounts need no activation: not implemented`);
    return this.alone(namespace, name, () => this.make(namespace, request));
  }

  info(namespace: string, name: string): ActivationInfo {
    const info = this.read(this.place(namespace, name));
    if (info === undefined) throw notFound(`mount "${name}": not found`);
    return info;
  }

  list(namespace: string): ActivationInfo[] {
    const dir = join(this.dir, namespace);
    return names(dir)
      .map((entry) => this.read(join(dir, entry)))
      .filter((info) => info !== undefined)
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  relabel(namespace: string, name: string, labels: Readonly<Record<string, string>>): Promise<ActivationInfo> {
    return this.alone(namespace, name, async () => {
      const changed = { ...this.info(namespace, name), labels: { ...labels } };
      this.write(this.place(namespace, name), changed);
      return changed;
    });
  }

  deactivate(namespace: string, name: string): Promise<void> {
    return this.alone(namespace, name, async () => {
      this.info(namespace, name);
      await this.clear(this.place(namespace, name));
    });
  }

  private async make(namespace: string, { name, mounts, labels }: Activation): Promise<ActivationInfo> {
    const place = this.place(namespace, name);
    if (this.read(place) !== undefined) throw alreadyExists(`mount "${name}": already exists`);
    await this.clear(place);
    mkdirSync(place, { recursive: true, mode: 0o700 });
    const active: ActiveMount[] = [];
    try {
      for (const [index, mount] of mounts.entries()) {
        const mountPoint = join(place, String(index));
        await this.mounter.mount(mountPoint, [{ ...mount, target: '' }]);
        active.push({ mount, mountedAt: timestampNow(), mountPoint, data: {} });
      }
      const last: Mount = { type: 'bind', source: active.at(-1)?.mountPoint ?? '', target: '', options: ['rbind'] };
      const info: ActivationInfo = { name, active, system: [last], labels: { ...labels } };
      this.write(place, info);
      return info;
    } catch (error) {
      await this.clear(place);
      throw error;
    }
  }

  /** Unmounts what is there, the last first, and takes the directory away; the record goes before anything else. */
  private async clear(place: string): Promise<void> {
    rmSync(join(place, INFO), { force: true });
    const points = names(place).filter((name) => /^\d+$/.test(name));
    for (const point of points.sort((a, b) => Number(b) - Number(a))) {
      await this.mounter.unmount(join(place, point));
      rmdirSync(join(place, point));
    }
    rmSync(place, { recursive: true, force: true }); // no mount is below it any more
  }

  private read(place: string): ActivationInfo | undefined {
    try {
      return ActivationInfo.decode(readFileSync(join(place, INFO)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  private write(place: string, info: ActivationInfo): void {
    writeFileSync(join(place, `${INFO}.new`), ActivationInfo.encode(info).finish(), { mode: 0o600 });
    renameSync(join(place, `${INFO}.new`), join(place, INFO));
  }

  private place(namespace: string, name: string): string {
    return join(this.dir, namespace, createHash('sha256').update(name).digest('hex').slice(0, 32));
  }

  /** One change of an activation at a time. */
  private alone<T>(namespace: string, name: string, work: () => Promise<T>): Promise<T> {
    const place = this.place(namespace, name);
    const next = (this.busy.get(place) ?? Promise.resolve()).then(work, work);
    const settled = next.catch(() => undefined).finally(() => this.busy.get(place) === settled && this.busy.delete(place));
    this.busy.set(place, settled);
    return next;
  }
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
