import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '@gantry/linux';

/** The worker's id, the same as long as the data is: clients remember builds by it. */
export async function workerId(data: string): Promise<string> {
  const file = join(data, 'worker-id');
  try {
    const known = (await readFile(file, 'latin1')).trim();
    if (/^[0-9a-z]{25}$/.test(known)) return known;
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  const id = BigInt(`0x${randomBytes(20).toString('hex')}`)
    .toString(36)
    .slice(0, 25)
    .padStart(25, '0');
  await writeFile(`${file}.new`, `${id}\n`, { mode: 0o600, flush: true });
  await rename(`${file}.new`, file);
  return id;
}
