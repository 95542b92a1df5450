import type { Mount } from '@gantry/api/containerd/types/types';
import type { CallContext } from '@gantry/rpc';
import type { Descriptor } from '@gantry/oci';

/** What a tree of files is, as `buildx du` tells it (UsageRecord.RecordType). */
export type RecordType = 'regular' | 'internal' | 'frontend' | 'source.local' | 'source.git.checkout' | 'exec.cachemount';

/** What is written down about a new tree. */
export interface About {
  readonly description: string;
  readonly type?: RecordType;
}

/** One layer of a tree: what it adds to the layers below it. */
export interface Layer {
  /** Record that the layer belongs to; the key of its committed snapshot is the record's. */
  readonly id: string;
  /** The blob, where one is known already (a pulled layer, an exported one). */
  readonly blob?: Descriptor;
  /** Digest of the uncompressed layer, where the blob is known. */
  readonly diffId?: string;
  /** What made it and when, for the history of an image whose frontend does not tell. */
  readonly description?: string;
  readonly created?: Date;
}

/**
 * An immutable tree of files: what a step made or a source brought. Scratch, the empty tree, is `undefined` wherever a ref is taken or given. A ref is held:
 * neither prune nor garbage collection takes what somebody holds, and every holder releases once.
 */
export interface Ref {
  /** Id of the record, the same for all holders and after a restart. */
  readonly id: string;
  /** Another hold of the same tree. */
  clone(): Ref;
  /** Ends this hold; calling it again does nothing. */
  release(): void;
}

/** A tree that is still written to. Either `commit` or `discard` ends it. */
export interface WorkingTree {
  readonly id: string;
  /** How the tree is mounted, writable: containerd's form, taken by Task.Create as it is. */
  readonly mounts: readonly Mount[];
  /**
   * Content digests (sha256) of regular files that whoever writes the tree knows already, by their path below the root without a slash in front: the checksum of
   * the tree then does not read those files again. A file that was not told is read, or taken over from the parent when it is still the same inode.
   */
  noteDigests(digests: ReadonlyMap<string, Buffer>): void;
  /**
   * The list that the whole tree was made by, as sources/local/listing.ts writes it, with the digests of all contents: a checksum of the whole then looks at no file. It
   * may be removed at any time.
   */
  noteList(path: string): void;
  /** `passing`: nobody finds the tree again, and it goes with its last holder. */
  commit(ctx: CallContext, options?: { readonly passing?: boolean }): Promise<Ref>;
  discard(): Promise<void>;
}

/**
 * A tree that stays writable and is found again by its key: a cache mount. It is never committed. `release` ends the hold; prune and garbage collection then may
 * take it.
 */
export interface CacheTree {
  readonly id: string;
  readonly mounts: readonly Mount[];
  release(): void;
}

/** How a record shows in `buildx du` and in system df. */
export interface UsageRecord {
  readonly id: string;
  readonly mutable: boolean;
  readonly inUse: boolean;
  readonly size: number;
  readonly parents: readonly string[];
  readonly createdAt: Date;
  readonly lastUsedAt: Date | undefined;
  readonly usageCount: number;
  readonly description: string;
  readonly type: RecordType;
  /** An image holds the same layer: removing the record frees nothing. */
  readonly shared: boolean;
}

/** One rule of what is removed. Space counts bytes; 0 and absent are no limit. */
export interface PruneWish {
  /** containerd's filter syntax over id, parents, description, inuse, mutable, immutable, type, shared, private; all empty: everything. */
  readonly filters: readonly string[];
  /** Internal, frontend and shared records, too. */
  readonly all: boolean;
  /** Records that were used within this time stay. */
  readonly keepMs?: number;
  /** Space that is always left to the builder. */
  readonly reservedSpace?: number;
  /** Space that the builder may take at most. */
  readonly maxUsedSpace?: number;
  /** Space that is kept free on the disk. */
  readonly minFreeSpace?: number;
}

/** The trees, their records and their disk. */
export interface Refs {
  /** A hold of a record that is still here. */
  get(id: string): Ref | undefined;
  /**
   * The writable tree of this key, held; made on top of `base` when there is none that is free. `shared` takes one that others hold, too; without it such a one is
   * passed over and another of the same key is made.
   */
  cacheTree(
    ctx: CallContext,
    key: string,
    options: { readonly base: Ref | undefined; readonly shared: boolean },
    about: About,
  ): Promise<CacheTree>;
  /** Forgets the cache trees of a key (`--no-cache`): those that are held end with their holders. */
  dropCacheTrees(key: string): void;
  /** A new writable tree on top of another. */
  prepare(ctx: CallContext, parent: Ref | undefined, about: About): Promise<WorkingTree>;
  /** The tree of later inputs laid over earlier ones; its layers are those of the inputs, in order. */
  merge(ctx: CallContext, inputs: readonly (Ref | undefined)[], about: About): Promise<Ref | undefined>;
  /** What `upper` has that `lower` has not (deletions too), alone. */
  diff(ctx: CallContext, lower: Ref | undefined, upper: Ref | undefined, about: About): Promise<Ref | undefined>;
  /**
   * The tree of an image whose layers are blobs; nothing is fetched or unpacked before somebody mounts it. `fetch` brings the blobs named into the content store
   * when one is wanted.
   */
  ofLayers(ctx: CallContext, layers: readonly LazyLayer[], about: About): Promise<Ref | undefined>;
  /** What an image's layers are made of is in the store afterwards, and stays as long as their records. Errors: notFound where it is not, and nobody brings it. */
  secure(ctx: CallContext, ref: Ref | undefined): Promise<void>;
  /** Runs `use` with the tree mounted read-only at a path of this process's mount namespace. */
  withTree<T>(ctx: CallContext, ref: Ref | undefined, use: (path: string) => Promise<T>): Promise<T>;
  /** Mounts that show the tree read-only, for a step's own mount list; `release` takes the view away. */
  view(ctx: CallContext, ref: Ref | undefined): Promise<{ readonly mounts: readonly Mount[]; release(): Promise<void> }>;
  /** The layers from the bottom to the top. */
  layers(ref: Pick<Ref, 'id'> | undefined): readonly Layer[];
  /** The layers as blobs of one compression in the content store, made where they are not there yet (containerd's Diff). */
  blobs(ctx: CallContext, ref: Ref | undefined, how: BlobOptions): Promise<readonly BlobLayer[]>;
  /**
   * Puts a layer, by the digest of its tar, into a snapshot that was just prepared on the layers below, by links to the files that are here already. False: it has to
   * be unpacked from its blob (nothing was put in).
   */
  fill(ctx: CallContext, diffId: string, mounts: readonly Mount[]): Promise<boolean>;
  /** Key of a committed snapshot whose own layer is this one, by the digest of its tar. */
  snapshotOf(diffId: string): string | undefined;
  /**
   * Digest of what is below a path: names, contents, modes, owners, links, xattrs; never times. It is the same for the same files, whatever tree they lie in.
   */
  checksum(ctx: CallContext, ref: Ref | undefined, path: string, options: ChecksumOptions): Promise<string>;
  /** All records that the filters match, with their sizes. */
  usage(ctx: CallContext, filters: readonly string[]): Promise<readonly UsageRecord[]>;
  /** Removes what the rules say, one rule after the other; what is held, and what the rest stands on, stays. `removed` hears each. */
  prune(ctx: CallContext, wishes: readonly PruneWish[], removed: (record: UsageRecord) => void): Promise<void>;
}

/** A layer of an image as its manifest has it. */
export interface LazyLayer {
  readonly blob: Descriptor;
  readonly diffId: string;
  /** What made it, where that is known. */
  readonly description?: string;
  /** When it was made, where that is known; else it is now. */
  readonly created?: Date;
  /** Brings the blob into the content store. Called at most once at a time. */
  readonly fetch: (ctx: CallContext) => Promise<void>;
}

export interface BlobOptions {
  readonly compression: 'uncompressed' | 'gzip' | 'zstd';
  /** Level of the compression, where the client chose one. */
  readonly level?: number;
  /** Compress again what is there in another compression. */
  readonly force: boolean;
  /** Those of pulled layers are brought, too, where nobody wanted their files yet; `distributable`: not what stays with its makers. */
  readonly present?: 'all' | 'distributable';
  /** Layers that were found at addresses of their makers stay there (`prefer-nondist-layers`); else they are as any other. */
  readonly nondistributable?: boolean;
  /** OCI's media types, else Docker's. */
  readonly oci: boolean;
  /** Times later than this are set to it (rewrite-timestamp with SOURCE_DATE_EPOCH), seconds since 1970. */
  readonly latestTime?: number;
}

export interface BlobLayer {
  readonly blob: Descriptor;
  readonly diffId: string;
}

export interface ChecksumOptions {
  /** Follow a link in the last component of the path. */
  readonly followLinks: boolean;
  /** The path's components are patterns of shell form. */
  readonly wildcard: boolean;
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}
