import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Ref, Refs, WorkingTree } from '../../../refs/ref';

const run = promisify(execFile);

/** Trees as plain folders: a working tree is a copy of its parent. */
export class PlainTrees {
  /** Lists that trees were made by. */
  readonly lists = new Map<string, string>();
  readonly gone = new Set<string>();
  private count = 0;

  constructor(private readonly root: string) {}

  path(id: string): string {
    return join(this.root, id);
  }

  /** What the local source uses of Refs. */
  readonly refs = {
    get: (id: string) => (this.gone.has(id) ? undefined : this.ref(id)),
    withTree: (_ctx: unknown, ref: Ref | undefined, use: (path: string) => Promise<unknown>) => use(this.path(ref?.id ?? '')),
    prepare: async (_ctx: unknown, parent: Ref | undefined): Promise<WorkingTree> => {
      const id = `t${this.count++}`;
      if (parent === undefined) await mkdir(this.path(id));
      else await run('cp', ['-a', this.path(parent.id), this.path(id)]); // with owners, modes and hard links
      return {
        id,
        mounts: [{ type: 'bind', source: this.path(id), target: '', options: ['rw', 'rbind'] }],
        noteDigests: () => undefined,
        noteList: (list) => void this.lists.set(id, list),
        commit: () => Promise.resolve(this.ref(id)),
        discard: () => rm(this.path(id), { recursive: true }),
      };
    },
  } as Partial<Refs> as Refs;

  static async make(folder: string): Promise<PlainTrees> {
    return new PlainTrees(await mkdtemp(join(folder, 'trees-')));
  }

  private ref(id: string): Ref {
    return { id, clone: () => this.ref(id), release: () => undefined };
  }
}
