import { spawn } from 'node:child_process';
import { treeOutcome } from '@gantry/native';
import type { Usage } from './snapshotter';

export interface TreeDifference {
  /** added: only the right tree has it; deleted: only the left; modified: attributes or bytes, or something below a directory. */
  readonly kind: 'added' | 'deleted' | 'modified';
  /** With a slash in front; each character is one byte of the name. */
  readonly path: string;
}

const kinds = { A: 'added', D: 'deleted', M: 'modified' } as const;

/** Whole trees: copied, measured and compared in the static C program. */
export class Trees {
  constructor(private readonly binary: string) {}

  /** Copies a tree with all its attributes into an empty directory, the directory's own too. */
  async copy(from: string, to: string): Promise<void> {
    await treeOutcome(this.start(['copy', '--from', from, '--to', to]));
  }

  /** What a tree takes on disk: allocated blocks and inodes, a hard-linked file once. What vanishes while it is walked is not counted. */
  async usage(root: string): Promise<Usage> {
    return JSON.parse(await treeOutcome(this.start(['usage', '--root', root]))) as Usage;
  }

  /** How right differs from left. content: bytes are compared, too, not only sizes and times. */
  async compare(left: string, right: string, options: { readonly content: boolean }): Promise<TreeDifference[]> {
    const child = this.start(['compare', '--left', left, '--right', right, ...(options.content ? ['--content'] : [])]);
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    await treeOutcome(child, false);
    const records = Buffer.concat(parts).toString('latin1').split('\0');
    return records.slice(0, -1).map((record) => ({ kind: kinds[record[0] as keyof typeof kinds], path: record.slice(1) }));
  }

  private start(args: readonly string[]) {
    return spawn(this.binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
  }
}
