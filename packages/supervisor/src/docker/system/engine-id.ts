import { randomUUID } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataLoss } from '@gantry/rpc';

/** What a log or a table can show in one word. */
const WORD = /^[\x21-\x7e]{1,256}$/;

/**
 * The engine's identity: made once for a data root, kept in `<data>/engine-id`, or in the file that is named: an earlier one then moves there. Whoever writes
 * the file gives the engine its name, whoever removes it wants a new one. Throws dataLoss when the file holds something that is no word.
 */
export function engineId(data: string, named = ''): string {
  const usual = join(data, 'engine-id');
  const file = named === '' ? usual : named;
  const known = read(file);
  if (known !== undefined) return known;
  const earlier = file === usual ? undefined : read(usual);
  if (earlier !== undefined) {
    write(file, earlier);
    renameSync(usual, `${usual}.moved`);
    return earlier;
  }
  const id = randomUUID();
  write(file, id);
  return id;
}

function read(file: string): string | undefined {
  try {
    const id = readFileSync(file, 'utf8').trim();
    if (!WORD.test(id)) throw dataLoss(`${file} holds no identity of an engine`);
    return id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function write(file: string, id: string): void {
  writeFileSync(`${file}.new`, id, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}
