import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { dataLoss } from '@gantry/rpc';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The engine's identity: made once for a data root, kept in `<data>/engine-id`. Throws dataLoss when the file holds something else. */
export function engineId(data: string): string {
  const file = join(data, 'engine-id');
  try {
    const id = readFileSync(file, 'utf8').trim();
    if (!UUID.test(id)) throw dataLoss(`${file} does not hold a UUID`);
    return id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const id = randomUUID();
  writeFileSync(`${file}.new`, `${id}\n`, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
  return id;
}
