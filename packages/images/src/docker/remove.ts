import type { ImageUse, Removed } from '@gantry/api/gantry/images/v1/images';
import { familiarString, type Reference, repositoryName, tryReference, withDefaultTag } from '@gantry/oci';
import { conflict, notFound } from '@gantry/rpc';
import type { Collector } from '../gc/collector';
import type { ImageRecord } from '../store/images';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import type { Catalog, CatalogEntry } from './catalog';
import { isDangling, keepDangling, referenceOf } from './names';
import { underLease } from './operation';

export interface RemoveOptions {
  readonly ref: string;
  readonly force: boolean;
  readonly prune: boolean;
  readonly uses: readonly ImageUse[];
}

export interface RemoveDependencies {
  readonly catalog: Catalog;
  readonly leases: LeaseTable;
  readonly collector: Collector;
}

/** The name that is meant, with its tag. */
const nameOf = (ref: string): string => {
  const reference = tryReference(ref);
  return reference === undefined ? ref : familiarString(withDefaultTag(reference));
};
const short = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);

/**
 * Docker's rmi. By name it takes the name away (by a digest all of the repository's), and the image goes with its last name; by id it takes all names of one repository. What a container uses
 * or another image was made from stands against it, softly (force helps) or hard.
 */
export async function removeImage(deps: RemoveDependencies, scope: Scope, options: RemoveOptions): Promise<Removed[]> {
  const removed = await takeImageAway(deps, scope, options);
  await collectAfter(deps, removed);
  return removed;
}

/** The same without a collection, for many images in a row. */
export const takeImageAway = (deps: RemoveDependencies, scope: Scope, options: RemoveOptions): Promise<Removed[]> =>
  underLease(deps.leases, scope, 'remove', (own) => new Removal(deps, own, options).run());

/** What only those that were taken away held goes. */
export async function collectAfter({ collector }: RemoveDependencies, removed: readonly Removed[]): Promise<void> {
  if (removed.some(({ deleted }) => deleted !== '')) await collector.run();
}

class Removal {
  private readonly removed: Removed[] = [];

  constructor(
    private readonly deps: RemoveDependencies,
    private readonly scope: Scope,
    private readonly options: RemoveOptions,
  ) {}

  async run(): Promise<Removed[]> {
    const { ref, force, uses } = this.options;
    const record = this.deps.catalog.findRecord(this.scope, ref);
    if (record !== undefined && (await this.deps.catalog.reader.tryLoad(this.scope, record.target)) === undefined)
      return this.forget(record);
    const entry = await this.deps.catalog.resolve(this.scope, ref);
    const { id, image } = entry;
    // A collection between its names and the end would take what it was made from, and what a nameless one is left with.
    for (const digest of [id, image.manifestDigest, image.configDigest]) this.deps.catalog.content.hold(this.scope, digest);
    if (!isIdPrefix(id, ref)) {
      const user = uses.find((use) => isOf(entry, use));
      if (!force && isSingleRepository(entry.records) && user !== undefined) {
        throw conflict(
          `conflict: unable to delete ${nameOf(ref)} (must be forced) - container ${short(user.containerId)} is using its referenced image ${short(id)}`,
        );
      }
      const left = this.untagName(entry, ref);
      if (left.length > 0) return this.removed;
      await this.delete(entry, { quiet: true, force, onlyName: true });
      return this.removed;
    }
    if (isSingleRepository(entry.records)) {
      this.check(entry, { hard: true, stopped: !force, names: false, children: await this.hasChildren(id) });
      for (const record of entry.records) this.untag(entry, record);
      await this.delete({ ...entry, records: [] }, { quiet: false, force, onlyName: false });
      return this.removed;
    }
    await this.delete(entry, { quiet: false, force, onlyName: false });
    return this.removed;
  }

  /** A name whose image cannot be read, an artifact's or one that another client left in pieces, is only a name: it goes, whatever it stands for. */
  private forget(record: ImageRecord): Removed[] {
    const { images } = this.deps.catalog;
    images.delete(this.scope, record.name);
    const { digest } = record.target;
    const reference = referenceOf(record.name);
    this.removed.push({ untagged: reference === undefined ? record.name : familiarString(reference), deleted: '', imageId: digest });
    if (!images.list(this.scope).some(({ target }) => target.digest === digest))
      this.removed.push({ untagged: '', deleted: digest, imageId: digest });
    return this.removed;
  }

  /** Takes one name away; digests of a repository whose last tag went go with it. Returns the records left. */
  private untagName(entry: CatalogEntry, ref: string): ImageRecord[] {
    const record = this.deps.catalog.findRecord(this.scope, ref);
    if (record === undefined) throw notFound(`No such image: ${ref}`);
    const asked = tryReference(ref);
    this.untag(entry, record, asked);
    let left = entry.records.filter(({ name }) => name !== record.name && !isDangling(name));
    if (asked?.digest !== undefined) {
      // A digest means every name that the repository has for it.
      const same = (other: ImageRecord): boolean => repositoryOf(other) === repositoryName(asked);
      for (const other of left.filter(same)) this.untag(entry, other);
      return left.filter((other) => !same(other));
    }
    const gone = referenceOf(record.name);
    if (gone !== undefined && gone.digest === undefined) {
      const sameRepository = (other: ImageRecord): Reference | undefined => {
        const own = referenceOf(other.name);
        return own !== undefined && repositoryName(own) === repositoryName(gone) ? own : undefined;
      };
      if (!left.some((other) => sameRepository(other)?.digest === undefined && sameRepository(other) !== undefined)) {
        for (const other of left.filter((candidate) => sameRepository(candidate) !== undefined)) this.untag(entry, other);
        left = left.filter((other) => sameRepository(other) === undefined);
      }
    }
    return left;
  }

  private untag(entry: CatalogEntry, record: ImageRecord, asked?: Reference): void {
    const { images } = this.deps.catalog;
    images.delete(this.scope, record.name);
    const reference = referenceOf(record.name) ?? asked;
    if (!isDangling(record.name))
      this.removed.push({
        untagged: reference === undefined ? record.name : familiarString(reference),
        deleted: '',
        imageId: entry.id,
      });
  }

  private async delete(
    entry: CatalogEntry,
    how: { readonly quiet: boolean; readonly force: boolean; readonly onlyName: boolean },
  ): Promise<void> {
    const { catalog } = this.deps;
    const { id } = entry;
    const target = entry.records[0]?.target;
    const named = this.deps.catalog.images.list(this.scope).filter((record) => entry.records.some(({ name }) => name === record.name));
    const children = await this.hasChildren(id);
    const used = this.options.uses.some((use) => isOf(entry, use) && (use.running || !how.force));
    if (how.quiet && (used || children)) {
      if (target !== undefined && named.length === 0) keepDangling(catalog.images, this.scope, target);
      return;
    }
    this.check(entry, {
      hard: true,
      stopped: !how.force,
      names: !how.force && named.filter(({ name }) => !isDangling(name)).length > 0 && !how.onlyName,
      children,
    });
    const parent = await catalog.parentIdOf(this.scope, entry.image);
    for (const record of named) this.untag(entry, record);
    this.removed.push({ untagged: '', deleted: id, imageId: id });
    const others = await catalog.entries(this.scope);
    others.delete(id);
    const above = others.get(parent);
    if (!this.options.prune || above === undefined || above.records.some(({ name }) => !isDangling(name))) return;
    await this.delete(above, { quiet: true, force: false, onlyName: false });
  }

  private check(
    entry: CatalogEntry,
    what: { readonly hard: boolean; readonly stopped: boolean; readonly names: boolean; readonly children: boolean },
  ): void {
    const { id } = entry;
    const refuse = (message: string, hard: boolean): never => {
      throw conflict(`conflict: unable to delete ${short(id)} (${hard ? 'cannot be forced' : 'must be forced'}) - ${message}`);
    };
    const running = this.options.uses.find((use) => isOf(entry, use) && use.running);
    if (what.hard && running !== undefined) refuse(`image is being used by running container ${short(running.containerId)}`, true);
    if (what.names) refuse('image is referenced in multiple repositories', false);
    const stopped = this.options.uses.find((use) => isOf(entry, use) && !use.running);
    if (what.stopped && stopped !== undefined) refuse(`image is being used by stopped container ${short(stopped.containerId)}`, false);
    if (what.children) refuse('image has dependent child images', true);
  }

  private async hasChildren(id: string): Promise<boolean> {
    const { catalog } = this.deps;
    const parents = catalog.parentIds(this.scope, await catalog.entries(this.scope));
    return [...parents].some(([child, parent]) => parent === id && child !== id);
  }
}

/** Does a container use the image? Those of older stores know it by its configuration. */
const isOf = ({ id, image }: CatalogEntry, use: Pick<ImageUse, 'imageId'>): boolean =>
  use.imageId === id || use.imageId === image.configDigest;

function repositoryOf(record: ImageRecord): string | undefined {
  const reference = referenceOf(record.name);
  return reference && repositoryName(reference);
}

function isIdPrefix(id: string, ref: string): boolean {
  return id.startsWith(ref) || id.startsWith(`sha256:${ref}`);
}

/** At most one tag, and the digests are of the same repository. */
function isSingleRepository(records: readonly ImageRecord[]): boolean {
  const references = records.map(({ name }) => referenceOf(name)).filter((reference) => reference !== undefined);
  if (references.length <= 1) return true;
  const tags = references.filter(({ digest }) => digest === undefined);
  const repositories = new Set(references.map(repositoryName));
  return tags.length <= 1 && repositories.size === 1;
}
