import { readFile } from 'node:fs/promises';
import { hasCode } from '@gantry/linux';

/** Where the monitor tells how many lines a log had before each of its files: `TIME NUMBER`, by the time of the file's first line. */
export const numbersPath = (log: string): string => `${log}.numbers`;

/** Numbers the lines of a log as they are read. A file that was taken away before it was read shows as a gap. */
export class LineNumbers {
  /** @param at lines that came before; undefined where nobody knows (positions of former versions). */
  constructor(
    private readonly log: string,
    public at: number | undefined,
  ) {}

  /** A file is read from its first line on. Answers how many lines were taken away before it. */
  async begin(file: string): Promise<number> {
    const before = await this.before(file);
    if (before === undefined) return 0;
    const missing = this.at === undefined ? 0 : Math.max(0, before - this.at);
    this.at = before;
    return missing;
  }

  read(lines: number): void {
    if (this.at !== undefined) this.at += lines;
  }

  private async before(file: string): Promise<number | undefined> {
    const text = await readFile(numbersPath(this.log), 'utf8').catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) return '';
      throw error;
    });
    const line = text.split('\n').find((known) => file !== '' && known.startsWith(`${file} `));
    return line === undefined ? undefined : Number(line.slice(file.length + 1));
  }
}
