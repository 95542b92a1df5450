import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { conflict, invalidArgument, isErrorOf, type Logger, notFound, prefixed } from '@gantry/rpc';
import type { Projects } from '../projects/projects';
import type { Database } from '../store/database';
import type { Labels } from '../store/labels';
import { bytesOf } from './size';
import { isMounted, type Looks, mountVolume, unmountVolume } from './mount';
import { type VolumeMount, volumeMount, volumeSize } from './options';
import { type VolumeRecord, VolumeTable } from './records';

/** docker's label on volumes that nobody named. */
const ANONYMOUS_LABEL = 'com.docker.volume.anonymous';
const TRASH = '.trash-';
/** The driver of volumes that are directories here. */
export const LOCAL = 'local';

/**
 * The records of all volumes, and those of the local driver: one directory each, `<name>/_data`, or what their options say, mounted there while somebody uses it. A volume with users is
 * not removed.
 */
export class VolumeStore {
  readonly table: VolumeTable;
  private trashed = 0;
  private readonly removals = new Set<Promise<void>>();

  constructor(
    db: Database,
    private readonly root: string,
    private readonly logger: Logger,
    private readonly removeTree: (path: string) => Promise<void>,
    private readonly looks: Looks,
    private readonly projects: Pick<Projects, 'supported' | 'give' | 'enforce' | 'release'>,
  ) {
    this.table = new VolumeTable(db);
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  mountpoint(name: string): string {
    const found = this.table.find(name);
    return found === undefined || found.driver === LOCAL ? this.directory(name) : found.mountpoint;
  }

  private directory(name: string): string {
    return join(this.root, name, '_data');
  }

  get(name: string): VolumeRecord {
    const found = this.table.find(name);
    if (found === undefined) throw this.missing(name);
    return found;
  }

  missing(name: string): Error {
    return notFound(`get ${name}: no such volume`);
  }

  list(): VolumeRecord[] {
    return this.table.list();
  }

  users(name: string): string[] {
    return this.table.users(name);
  }

  /** Bytes; -1 for a volume whose plugin would have to count them. */
  async size(name: string): Promise<number> {
    if (this.get(name).driver !== LOCAL) return -1;
    try {
      await this.answers(name);
    } catch (error) {
      if (!isErrorOf(error, 'deadlineExceeded')) throw error;
      this.logger.warn({ err: error, volume: name }, 'the size of a volume cannot be told');
      return 0;
    }
    return bytesOf(this.mountpoint(name));
  }

  /** Throws deadlineExceeded when the file system that a volume's options mount does not answer. */
  async answers(name: string): Promise<void> {
    const path = this.mountpoint(name);
    if (this.mountOf(this.get(name)) !== undefined) await this.looks.look('exists', [path], { path, failure: `volume ${name}: ${path}` });
  }

  /** The name that was asked for, or a new one. */
  nameOf(asked: string): string {
    const name = asked === '' ? randomBytes(32).toString('hex') : asked;
    checkName(name);
    return name;
  }

  /** Keeps a record of a volume that a plugin has. */
  note(volume: Omit<VolumeRecord, 'created' | 'anonymous'>): VolumeRecord {
    return this.table.db.transaction(
      () => this.table.find(volume.name) ?? this.table.insert({ ...volume, anonymous: Object.hasOwn(volume.labels, ANONYMOUS_LABEL) }),
    );
  }

  /** Makes one of the local driver, unless it is there. */
  async create(request: {
    readonly name: string;
    readonly options: Labels;
    readonly labels: Labels;
  }): Promise<{ readonly volume: VolumeRecord; readonly created: boolean }> {
    const { options } = request;
    const name = this.nameOf(request.name);
    const size = volumeSize(name, options);
    if (size > 0 && !this.projects.supported(this.root)) throw invalidArgument(`create ${name}: quota size requested but no quota support`);
    volumeMount(name, options);
    const old = this.table.find(name);
    if (old !== undefined) return { volume: old, created: false };
    const labels = request.name === '' ? { ...request.labels, [ANONYMOUS_LABEL]: '' } : request.labels;
    // A container's own volume has its name before it is made: the label says what it is, as docker has it.
    const anonymous = Object.hasOwn(labels, ANONYMOUS_LABEL);
    const volume = this.table.db.transaction(() => {
      const record = this.table.insert({ name, labels, options, anonymous, driver: LOCAL, scope: LOCAL, mountpoint: '' });
      const data = this.directory(name);
      // One by one: made recursively, a read-only file system would be told as ENOENT.
      for (const dir of [join(this.root, name), data]) if (!existsSync(dir)) mkdirSync(dir, { mode: 0o755 });
      chmodSync(join(this.root, name), 0o701);
      chmodSync(data, 0o755);
      if (size > 0) this.projects.give([data], size);
      return record;
    });
    if (size > 0) await this.enforce(name);
    return { volume, created: true };
  }

  /** A volume that is not held to its size is none. */
  private async enforce(name: string): Promise<void> {
    try {
      this.projects.enforce(this.directory(name));
    } catch (error) {
      await this.remove(name, true);
      throw prefixed(error, `create ${name}`);
    }
  }

  async remove(name: string, force: boolean): Promise<void> {
    const found = this.table.find(name);
    if (found === undefined) {
      if (force) return;
      throw notFound(`get ${name}: no such volume`);
    }
    this.refuseUsed(name);
    if (this.mountOf(found) !== undefined && isMounted(this.mountpoint(name))) await unmountVolume(this.mountpoint(name));
    this.table.db.transaction(() => {
      this.refuseUsed(name);
      this.table.delete(name);
    });
    this.projects.release(this.directory(name));
    const trash = join(this.root, `${TRASH}${process.pid}-${++this.trashed}`);
    if (!existsSync(join(this.root, name))) return;
    renameSync(join(this.root, name), trash);
    const removal = this.removeTree(trash).catch((error: unknown) =>
      this.logger.warn({ path: trash, err: error }, 'volume directory not removed'),
    );
    this.removals.add(removal);
    void removal.finally(() => this.removals.delete(removal));
  }

  /** Records a user and makes the volume ready to be bound. */
  async addReference(name: string, container: string): Promise<VolumeRecord> {
    if (container === '') throw invalidArgument(`container of the reference to volume ${name} is missing`);
    const volume = this.table.db.transaction(() => {
      const found = this.get(name);
      this.table.addUser(name, container);
      return found;
    });
    const mount = this.mountOf(volume);
    if (mount !== undefined && !isMounted(this.mountpoint(name))) await mountVolume(this.looks, name, mount, this.mountpoint(name));
    return volume;
  }

  /** Forgets a user; the last one's going unmounts. Unknown users are fine: the call may be repeated. */
  async releaseReference(name: string, container: string): Promise<void> {
    this.table.dropUser(name, container);
    const volume = this.table.find(name);
    if (volume === undefined || this.users(name).length > 0 || this.mountOf(volume) === undefined) return;
    if (isMounted(this.mountpoint(name))) await unmountVolume(this.mountpoint(name));
  }

  /** Waits for directories that are being removed. */
  async cleanup(): Promise<void> {
    await Promise.all(this.removals);
  }

  /** Directories that a crash left, before anything is served. */
  async repair(): Promise<void> {
    for (const name of readdirSync(this.root)) {
      if (!name.startsWith(TRASH) && this.table.find(name) !== undefined) continue;
      this.logger.info({ path: join(this.root, name) }, 'removing what a crash left');
      await this.removeTree(join(this.root, name));
    }
    for (const { name } of this.list().filter(({ driver }) => driver === LOCAL))
      if (!existsSync(this.mountpoint(name))) mkdirSync(this.mountpoint(name), { recursive: true, mode: 0o755 });
  }

  /** What a local volume's options say to mount; a plugin's are the plugin's. */
  private mountOf({ name, driver, options }: VolumeRecord): VolumeMount | undefined {
    return driver === LOCAL ? volumeMount(name, options) : undefined;
  }

  refuseUsed(name: string): void {
    const users = this.users(name);
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(', ')}]`);
  }
}

function checkName(name: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name) || name.length > 255) {
    throw invalidArgument(
      `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
}
