import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mount as ContainerdMount } from '@gantry/api/containerd/types/types';
import { asGantryError, cancelled, type CallContext, derive, detached, GantryError, notFound } from '@gantry/rpc';
import type { ContainerWish, Executor, Exit, LiveProcess, ProcessWish } from '../../../executor/executor';
import { mountAt, unmount } from '../../../mounts/mount';
import type { MountedTrees } from '../../../ops/exec/mounts';

export const exitText = (code: number): string => `exit code: ${code}`;

/** A container of a frontend: its trees, mounted once for its processes and for those who look into them, and the processes that run. */
export class FrontendContainer {
  private readonly ended = new AbortController();
  private readonly running = new Set<Promise<unknown>>();
  /** Why the first process that did not end well did not. */
  private failure: Error | undefined;
  private readonly points: string[] = [];
  private started = false;
  private places: (string | undefined)[] = [];

  private constructor(
    private readonly parts: {
      readonly executor: Executor;
      readonly trees: MountedTrees;
      readonly directory: string;
      readonly id: string;
      readonly os: string;
    },
    private readonly wish: Omit<ContainerWish, 'root' | 'mounts' | 'readonlyRoot' | 'insecure' | 'removeStubsRecursive'>,
  ) {}

  static async make(parts: FrontendContainer['parts'], wish: FrontendContainer['wish']): Promise<FrontendContainer> {
    const container = new FrontendContainer(parts, wish);
    try {
      for (const [index, source] of parts.trees.sources.entries()) container.places[index] = await container.mount(index, source);
      return container;
    } catch (error) {
      await container.release();
      throw error;
    }
  }

  /** Operating system of the frontend's wish; empty for ours. */
  get os(): string {
    return this.parts.os;
  }

  /** Where the tree of a mount is; throws notFound for a mount that shows none. */
  place(index: number): string {
    const place = this.places[index];
    if (place === undefined) throw notFound(`mount index ${index} of the container has no tree`);
    return place;
  }

  /** Runs a process to its end: the first makes the container, and ends it. */
  run(
    caller: CallContext,
    process: ProcessWish,
    { insecure, removeStubsRecursive, started }: { insecure: boolean; removeStubsRecursive: boolean; started: (live: LiveProcess) => void },
  ): Promise<Exit> {
    const { executor, trees, id } = this.parts;
    const ctx = derive(detached(caller), { signal: this.ended.signal });
    const first = !this.started;
    this.started = true;
    const bound = (mount: (typeof trees.mounts)[number]): typeof mount => ({ ...mount, source: this.bound(mount.source) });
    const running = first
      ? executor.run(
          ctx,
          {
            ...this.wish,
            id,
            root: this.bound(trees.root),
            readonlyRoot: trees.readonlyRoot,
            mounts: trees.mounts.map(bound),
            insecure,
            removeStubsRecursive,
          },
          process,
          started,
        )
      : executor.exec(ctx, id, process, started);
    this.running.add(running);
    running
      .then(({ code }) => code !== 0 && (this.failure ??= new GantryError('unknown', exitText(code))))
      .catch((error: unknown) => (this.failure ??= asGantryError(error)));
    return running.finally(() => this.running.delete(running));
  }

  /** Kills what runs and gives the trees back. Resolves with the first failure of a process, the killed ones' among them, in the words that clients look for. */
  async release(): Promise<Error | undefined> {
    this.ended.abort(cancelled('context canceled'));
    await Promise.allSettled(this.running);
    for (let point = this.points.pop(); point !== undefined; point = this.points.pop()) await unmount(point);
    await rm(join(this.parts.directory, this.parts.id), { recursive: true, force: true });
    await this.parts.trees.release();
    return this.failure;
  }

  private async mount(index: number, source: readonly ContainerdMount[] | undefined): Promise<string | undefined> {
    const [first] = source ?? [];
    if (source === undefined || first === undefined || first.type === 'tmpfs') return undefined;
    if (source.length === 1 && first.type === 'bind') return first.source;
    const path = join(this.parts.directory, this.parts.id, String(index));
    await mkdir(path, { recursive: true, mode: 0o700 });
    for (const mount of source) {
      await mountAt(path, mount);
      this.points.push(path);
    }
    return path;
  }

  /** What was mounted here is bound: an overlay's upper directory is nothing for two mounts. */
  private bound(source: readonly ContainerdMount[]): readonly ContainerdMount[] {
    const place = this.places[this.parts.trees.sources.indexOf(source)];
    const [first] = source;
    if (place === undefined || first?.type === 'bind') return source;
    return [{ type: 'bind', source: place, target: '', options: ['rbind'] }];
  }
}
