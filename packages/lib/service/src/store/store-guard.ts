import { closeSync, constants, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { dataLoss, type GantryError, isError } from '@gantry/rpc/errors';
import { UNUSABLE } from './store-error';

/** What the guard remembers: is the database open (or was its process killed), and how long its log was then, bytes. */
interface Use {
  readonly open: boolean;
  readonly log: number;
}

/**
 * A small file beside a database, `<database>.guard`, which tells an engine that never ran from one that lost its database or its log (WAL): SQLite makes
 * a new, empty database in either case, and a service would then clear away all that this one does not know.
 */
export class StoreGuard {
  readonly path: string;

  constructor(private readonly database: string) {
    this.path = `${database}.guard`;
  }

  /** Before opening. Throws dataLoss when something is gone that was there. */
  check(): void {
    const use = this.read();
    if (use === undefined) return;
    if (sizeOf(this.database) === 0) throw this.gone(this.database);
    const log = `${this.database}-wal`;
    if (use.open && sizeOf(log) < use.log) throw this.gone(log, ' (a program that opened the database may have taken it in)');
  }

  /** After opening, and after the log has got its room. */
  opened(): void {
    this.write({ open: true, log: sizeOf(`${this.database}-wal`) });
  }

  /** When all that is in the log is in the database as well, and before SQLite removes the log. */
  closing(): void {
    this.write({ open: false, log: 0 });
  }

  private gone(what: string, perhaps = ''): GantryError {
    return dataLoss(
      `${what} is gone or cut short${perhaps}, and it was in use: put it back, or remove ${this.path} to go on without what it held`,
      { meta: UNUSABLE },
    );
  }

  /** undefined: there was no database. A file that a power cut left empty tells that there was one. */
  private read(): Use | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if (isError(error) && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    const found = /^(open|closed) +(\d+) *\n$/.exec(text);
    return { open: found?.[1] === 'open', log: Number(found?.[2] ?? 0) };
  }

  /** On the disk when it returns. A full disk has room for it: the file stays as long as it was. */
  private write({ open, log }: Use): void {
    const file = openSync(this.path, constants.O_WRONLY | constants.O_CREAT, 0o600);
    try {
      writeSync(file, `${(open ? 'open' : 'closed').padEnd(6)} ${String(log).padEnd(20)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    const folder = openSync(dirname(this.path), 'r');
    fsyncSync(folder);
    closeSync(folder);
  }
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
