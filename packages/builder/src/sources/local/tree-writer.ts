import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { treeOutcome } from '@gantry/native';
import { RECORD, type RecordParts, recordParts } from '../../fsutil/record';
import type { FileStat } from './stat';
import type { Tree } from './tree';

export const BATCH = 256 << 10;

/** What a record says of a file. */
export function recordOf(stat: FileStat): RecordParts {
  const { kind, link, xattrs, ...rest } = stat;
  return { ...rest, ...(kind === 'symlink' || kind === 'hardlink' ? { link } : {}), ...(kind === 'hardlink' ? {} : { xattrs }) };
}

/**
 * Makes, replaces and removes files of one tree through the C program, which resolves every name inside the tree. Records are gathered, so that thousands of
 * small files cost few writes; whoever adds awaits `room` when `full` is set.
 */
export class TreeWriter implements Tree {
  readonly way = 'near';
  private parts: Buffer[] = [];
  private bytes = 0;
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  private readonly outcome: Promise<string>;
  private failed = false;

  constructor(program: string, root: string) {
    this.child = spawn(program, ['receive', '--root', root], { stdio: ['pipe', 'pipe', 'pipe'], env: {} });
    this.child.stdin.on('error', () => undefined); // the exit status says more than EPIPE
    this.outcome = treeOutcome(this.child);
    this.outcome.catch(() => {
      this.failed = true;
      this.child.stdin.emit('drain');
    });
  }

  /** A file with what is in it, a folder, link or node. */
  put(stat: FileStat, data: readonly Buffer[] = []): void {
    this.record(RECORD[stat.kind], { ...recordOf(stat), data });
  }

  open(slot: number, stat: FileStat): void {
    const { xattrs: _atItsEnd, ...about } = recordOf(stat);
    this.record(RECORD.open, { ...about, slot });
  }

  data(slot: number, data: Buffer): void {
    this.record(RECORD.data, { slot, data: [data] });
  }

  close(slot: number, { xattrs }: FileStat): void {
    this.record(RECORD.close, { slot, xattrs });
  }

  remove(path: string): void {
    this.record(RECORD.remove, { path: Buffer.from(path, 'latin1') });
  }

  times({ path, modTime }: FileStat): void {
    this.record(RECORD.times, { path, modTime });
  }

  get full(): boolean {
    return this.bytes >= BATCH;
  }

  /** Gives what was gathered to the program. Rejects with the program's failure. */
  async room(): Promise<void> {
    if (this.failed) await this.outcome;
    const bytes = this.parts.length === 1 ? (this.parts[0] as Buffer) : Buffer.concat(this.parts, this.bytes);
    this.parts = [];
    this.bytes = 0;
    if (bytes.length > 0 && !this.child.stdin.write(bytes)) await once(this.child.stdin, 'drain');
    if (this.failed) await this.outcome;
  }

  /** Resolves when all is done. */
  async end(): Promise<void> {
    await this.room();
    this.child.stdin.end();
    await this.outcome;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.outcome.catch(() => undefined);
  }

  private record(kind: number, about: RecordParts): void {
    for (const part of recordParts(kind, about)) {
      this.parts.push(part);
      this.bytes += part.length;
    }
  }
}
