import { conflict, isErrorOf, type Logger } from '@gantry/rpc';
import type { Labels } from '../store/labels';
import type { PluginVolume, PluginVolumes } from './plugin-volumes';
import type { VolumeRecord } from './records';
import { LOCAL, type VolumeStore } from './store';

export interface VolumeWish {
  readonly name: string;
  /** Empty: the volume of that name whatever keeps it, else a new one of the local driver. */
  readonly driver: string;
  readonly options: Labels;
  readonly labels: Labels;
}

/** All volumes: those of the local driver, and those that plugins keep, which the store has a record of once somebody here asked for them. */
export class Volumes {
  /** What is done with one volume of a plugin, one after the other. */
  private readonly turns = new Map<string, Promise<unknown>>();
  /** Volumes of plugins that this process had mounted, with the container. */
  private readonly mounted = new Set<string>();

  constructor(
    readonly store: VolumeStore,
    private readonly plugins: PluginVolumes,
    private readonly logger: Logger,
  ) {}

  async create(given: VolumeWish): Promise<{ readonly volume: VolumeRecord; readonly created: boolean }> {
    const remote = given.driver !== '' && given.driver !== LOCAL;
    const name = remote ? this.store.nameOf(given.name) : given.name;
    const driver = remote ? await this.plugins.nameOf(given.driver, `create ${name}`) : given.driver;
    const wish = { ...given, name, driver };
    const old = name === '' ? undefined : this.store.table.find(name);
    if (old === undefined && name !== '' && driver === '') {
      const found = await this.plugins.find(name);
      if (found !== undefined) return { volume: this.adopt(found), created: false };
    }
    const other = old !== undefined && driver !== '' && driver !== old.driver;
    if (other && old.driver === LOCAL) throw taken(name);
    if (old !== undefined && old.driver !== LOCAL) {
      const kept = (await this.plugins.get(old.driver, name, `create ${name}`)) !== undefined;
      if (kept && !other) return { volume: old, created: false };
      if (kept) throw taken(name);
      if (this.store.users(name).length > 0) throw taken(name, `: containers use it, and ${old.driver} has lost it: remove them first`);
      this.store.table.delete(name); // and it may be made anew, by whichever driver
    }
    if (driver === '' || driver === LOCAL) return this.store.create(wish);
    const present = await this.plugins.get(driver, name, `create ${name}`);
    if (present === undefined) await this.plugins.create(driver, name, wish.options);
    const volume = this.store.note({ ...wish, scope: await this.plugins.scope(driver), mountpoint: '' });
    return { volume, created: present === undefined };
  }

  /** As the plugin tells it now, where one keeps it. Errors: notFound. */
  async get(name: string): Promise<VolumeRecord> {
    const known = this.store.table.find(name);
    if (known === undefined) {
      const found = await this.plugins.find(name);
      return found === undefined ? this.store.get(name) : recordOf(found);
    }
    if (known.driver === LOCAL) return known;
    const now = await this.plugins.get(known.driver, name).catch((error: unknown) => {
      this.logger.warn({ err: error, volume: name }, 'a plugin does not tell of its volume');
      return known;
    });
    if (now === undefined) throw this.store.missing(name);
    return { ...known, mountpoint: now.mountpoint };
  }

  async list(): Promise<readonly VolumeRecord[]> {
    const known = this.store.list();
    const others = (await this.plugins.list()).filter(({ name }) => !known.some((volume) => volume.name === name));
    return [...known, ...others.map(recordOf)].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async remove(name: string, force: boolean): Promise<void> {
    const known = this.store.table.find(name) ?? (await this.plugins.find(name));
    if (known === undefined || known.driver === LOCAL) return this.store.remove(name, force);
    this.store.refuseUsed(name);
    await this.inTurn(name, async () => {
      try {
        await this.plugins.remove(known.driver, name);
      } catch (error) {
        if (!force) throw error;
        this.logger.warn({ err: error, volume: name }, 'a volume was forgotten that its plugin did not remove');
      }
      this.store.table.delete(name);
    });
  }

  /** Records a user; with `mount` the volume is ready to be bound. */
  async addReference(name: string, container: string, mount: boolean): Promise<VolumeRecord> {
    const known = this.store.table.find(name);
    if (known === undefined) {
      const found = await this.plugins.find(name);
      if (found !== undefined) this.adopt(found);
    }
    const volume = await this.store.addReference(name, container);
    return mount ? this.mount(volume, container) : volume;
  }

  /** A plugin's volume is unmounted; with `keep` its user stays one. What was a user for the container's sake, by its name and a word more, ends with it. */
  async releaseReference(name: string, container: string, keep: boolean): Promise<void> {
    const volume = this.store.table.find(name);
    const own = keep ? [] : this.store.users(name).filter((user) => user.startsWith(`${container} `));
    for (const user of [...own, container]) {
      if (volume !== undefined && volume.driver !== LOCAL) await this.unmount(volume, user);
      if (!keep) await this.store.releaseReference(name, user);
    }
  }

  /** Does something with a volume that is mounted meanwhile. */
  async withMounted<T>(name: string, container: string, use: () => Promise<T>): Promise<T> {
    const volume = this.store.get(name);
    await this.mount(volume, container);
    try {
      return await use();
    } finally {
      await this.unmount(volume, container);
    }
  }

  private async mount(volume: VolumeRecord, container: string): Promise<VolumeRecord> {
    const { driver, name } = volume;
    if (driver === LOCAL) return volume;
    return this.inTurn(name, async () => {
      const key = `${name} ${container}`;
      if (this.mounted.has(key)) return this.store.get(name);
      const mountpoint = await this.plugins.mount(driver, name, container);
      this.mounted.add(key);
      this.store.table.noteMounted(name, container, mountpoint);
      return { ...volume, mountpoint };
    });
  }

  private async unmount({ driver, name }: VolumeRecord, container: string): Promise<void> {
    if (driver === LOCAL) return;
    await this.inTurn(name, async () => {
      if (!this.store.table.isMounted(name, container)) return;
      this.mounted.delete(`${name} ${container}`);
      try {
        await this.plugins.unmount(driver, name, container);
      } catch (error) {
        this.logger.warn({ err: error, volume: name, container }, 'a plugin did not unmount a volume');
        if (isErrorOf(error, 'unavailable')) return; // its end, or the next start, asks again
      }
      this.store.table.noteUnmounted(name, container);
    });
  }

  private adopt({ name, driver, mountpoint }: PluginVolume): VolumeRecord {
    return this.store.table.find(name) ?? this.store.note({ name, driver, options: {}, labels: {}, scope: LOCAL, mountpoint });
  }

  private async inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.turns.get(name) ?? Promise.resolve();
    const turn = before.then(work, work);
    this.turns.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.turns.get(name) === turn) this.turns.delete(name);
    }
  }
}

const taken = (name: string, why = ''): Error => conflict(`create ${name}: volume name must be unique${why}`);

const recordOf = ({ name, driver, mountpoint, created }: PluginVolume): VolumeRecord => ({
  name,
  driver,
  mountpoint,
  scope: LOCAL,
  labels: {},
  options: {},
  created,
  anonymous: false,
});
