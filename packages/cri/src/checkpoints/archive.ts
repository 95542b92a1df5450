import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TAR_END, tarHeaders, tarPadding } from '@gantry/oci/tar';

/** Writes the files below a folder to a tar, which is under its name only when it is whole. There are regular files and folders in it, and no others. */
export async function packFolder(folder: string, location: string, signal: AbortSignal): Promise<void> {
  const draft = `${location}.${randomBytes(4).toString('hex')}`;
  const out = await open(draft, 'wx', 0o600);
  try {
    await packInto(out, folder, '', signal);
    await out.writeFile(TAR_END);
    await out.close();
    await rename(draft, location);
  } catch (error) {
    await out.close().catch(() => undefined); // the first error is the one to tell
    await rm(draft, { force: true });
    throw error;
  }
}

async function packInto(out: FileHandle, folder: string, prefix: string, signal: AbortSignal): Promise<void> {
  for (const entry of (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1))) {
    signal.throwIfAborted();
    const path = join(folder, entry.name);
    const { size, mode, mtimeMs } = await lstat(path);
    const name = `${prefix}${entry.name}`;
    // Names here are criu's and ours, and short: a long one is neither's.
    if (Buffer.byteLength(name) > 100) throw new RangeError(`name "${name}" is too long for a checkpoint's archive`);
    const time = BigInt(Math.floor(mtimeMs / 1000)) * 1_000_000_000n; // to the second, as readers of such archives have it
    if (entry.isDirectory()) {
      await out.writeFile(tarHeaders({ name: `${name}/`, type: 'folder', mode, time }));
      await packInto(out, path, `${name}/`, signal);
    } else if (entry.isFile()) {
      await out.writeFile(tarHeaders({ name, type: 'file', size, mode, time }));
      if (size > 0) await out.writeFile(createReadStream(path, { end: size - 1, signal }));
      await out.writeFile(tarPadding(size));
    }
  }
}
