import { posix } from 'node:path';
import type { Mount as ContainerdMount } from '@gantry/api/containerd/types/types';
import { type Mount, MountType } from '@gantry/api/pb/ops';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import type { StepMount } from '../../executor/executor';
import type { Ref, Refs, WorkingTree } from '../../refs/ref';
import type { SessionGroup } from '../../session/session';
import { isOutput, NONE, ROOT } from './definition';
import type { StepCaches } from './special/cache-mounts';

/** What a mount that is no tree of an input shows; undefined: there is nothing to show, and nothing is mounted. */
export interface SpecialMount {
  readonly source: readonly ContainerdMount[];
  release(): Promise<void>;
}

export interface MountNeeds {
  readonly refs: Pick<Refs, 'prepare' | 'view'>;
  /** Makes what a cache mount, a tmpfs, a secret or an ssh agent shows. */
  readonly special: (ctx: CallContext, wish: SpecialWish) => Promise<SpecialMount | undefined>;
}

export interface SpecialWish {
  readonly mount: Mount;
  readonly input: Ref | undefined;
  readonly sessions: SessionGroup;
  /** The caches that this step has already. */
  readonly caches: StepCaches;
  /** Whose mounts they are, for records. */
  readonly description: string;
}

/** The trees of a step while it runs. */
export interface MountedTrees {
  readonly root: readonly ContainerdMount[];
  readonly readonlyRoot: boolean;
  readonly mounts: readonly StepMount[];
  /** What each mount of the definition shows, in its order; undefined where nothing is shown. The same objects as in `root` and `mounts`. */
  readonly sources: readonly (readonly ContainerdMount[] | undefined)[];
  /** Commits what the step made: the outcomes in the order of their numbers. Holds are the caller's. */
  commit(ctx: CallContext): Promise<readonly (Ref | undefined)[]>;
  /** Commits what can be written to, by mount; undefined for every other mount. Holds are the caller's. */
  keep(ctx: CallContext): Promise<readonly (Ref | undefined)[]>;
  /** Gives back whatever is not committed. */
  release(): Promise<void>;
}

interface MountWish {
  readonly mounts: readonly Mount[];
  readonly inputs: readonly (Ref | undefined)[];
  readonly cwd: string;
  readonly sessions: SessionGroup;
  /** Whose mounts they are: `exec make all`. */
  readonly description: string;
}

/** Makes what each mount shows. Nothing is left when one fails. */
export async function mountTrees(needs: MountNeeds, ctx: CallContext, wish: MountWish): Promise<MountedTrees> {
  const trees = new Trees();
  try {
    for (const [index, mount] of wish.mounts.entries()) await trees.add(needs, ctx, { ...wish, mount, index });
    return trees;
  } catch (error) {
    await trees.release();
    throw error;
  }
}

class Trees implements MountedTrees {
  root: readonly ContainerdMount[] = [];
  readonlyRoot = false;
  readonly mounts: StepMount[] = [];
  readonly sources: (readonly ContainerdMount[] | undefined)[] = [];
  private readonly count: number[] = [];
  private readonly caches: StepCaches = new Map();
  private readonly working = new Map<number, WorkingTree>();
  private readonly outputs: {
    readonly mount: number;
    readonly number: bigint;
    readonly given: Ref | undefined;
    readonly fresh: boolean;
  }[] = [];
  private readonly releases: (() => Promise<void>)[] = [];

  async add(needs: MountNeeds, ctx: CallContext, at: MountWish & { readonly mount: Mount; readonly index: number }): Promise<void> {
    const { mount, index, inputs, cwd } = at;
    this.count.push(index);
    const input = mount.input === NONE ? undefined : inputs[Number(mount.input)];
    const source = await (mount.mountType === MountType.BIND ? this.bind(needs, ctx, at, input) : this.special(needs, ctx, at, input));
    this.sources.push(source);
    if (source === undefined) return;
    if (mount.dest === ROOT) {
      this.root = source;
      this.readonlyRoot = mount.readonly;
      return;
    }
    this.mounts.push({ destination: posix.resolve('/', cwd, mount.dest), source, selector: mount.selector, readonly: mount.readonly });
  }

  /** The tree of an input, or one of its own on top of it. */
  private async bind(
    needs: MountNeeds,
    ctx: CallContext,
    { mount, index, description }: MountWish & { readonly mount: Mount; readonly index: number },
    input: Ref | undefined,
  ): Promise<readonly ContainerdMount[]> {
    const isRoot = mount.dest === ROOT;
    const output = isOutput(mount);
    const asItIs = mount.readonly && !isRoot && input !== undefined;
    if (output) this.outputs.push({ mount: index, number: mount.output, given: input, fresh: !asItIs });
    if (asItIs) {
      const view = await needs.refs.view(ctx, input);
      this.releases.push(() => view.release());
      return view.mounts;
    }
    const tree = await needs.refs.prepare(ctx, input, { description: `mount ${mount.dest} from ${description}` });
    this.working.set(index, tree);
    return tree.mounts;
  }

  private async special(
    needs: MountNeeds,
    ctx: CallContext,
    { mount, index, sessions, description }: MountWish & { readonly mount: Mount; readonly index: number },
    input: Ref | undefined,
  ): Promise<readonly ContainerdMount[] | undefined> {
    if (isOutput(mount)) {
      if (mount.mountType !== MountType.CACHE)
        throw invalidArgument(`mount ${mount.dest}: a ${MountType[mount.mountType]} mount has no output`);
      this.outputs.push({ mount: index, number: mount.output, given: input, fresh: false });
    }
    const made = await needs.special(ctx, { mount, input, sessions, caches: this.caches, description });
    if (made === undefined) return undefined;
    this.releases.push(() => made.release());
    return made.source;
  }

  async commit(ctx: CallContext): Promise<readonly (Ref | undefined)[]> {
    const made: { readonly number: bigint; readonly ref: Ref | undefined }[] = [];
    try {
      for (const { mount, number, given, fresh } of this.outputs)
        made.push({ number, ref: fresh ? await this.committed(ctx, mount) : given?.clone() });
    } catch (error) {
      for (const { ref } of made) ref?.release();
      throw error;
    }
    return made.sort((a, b) => Number(a.number - b.number)).map(({ ref }) => ref);
  }

  async keep(ctx: CallContext): Promise<readonly (Ref | undefined)[]> {
    const kept: (Ref | undefined)[] = [];
    try {
      for (const index of this.count) kept.push(await this.committed(ctx, index, true));
      return kept;
    } catch (error) {
      for (const ref of kept) ref?.release();
      throw error;
    }
  }

  async release(): Promise<void> {
    const discards = [...this.working.values()].map((tree) => tree.discard());
    this.working.clear();
    const ended = await Promise.allSettled([
      ...discards,
      ...this.releases
        .splice(0)
        .reverse()
        .map((release) => release()),
    ]);
    for (const one of ended) if (one.status === 'rejected') throw one.reason as Error;
  }

  private async committed(ctx: CallContext, index: number, passing = false): Promise<Ref | undefined> {
    const tree = this.working.get(index);
    if (tree === undefined) return undefined;
    const ref = await tree.commit(ctx, { passing });
    this.working.delete(index); // one that could not be committed is discarded
    return ref;
  }
}
