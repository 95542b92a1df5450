import type { Stats } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '@gantry/linux';
import { GantryError, invalidArgument } from '@gantry/rpc';
import { containerDir } from '../../core/places';
import type { Uses } from '../engine';

/** dockerd's status for what it says without a kind. */
const failed = (message: string): GantryError => new GantryError('internal', message);

/** Folder of a container's checkpoints: its own, or one of the host's that the client names, which has to answer. */
export async function checkpointsOf(engine: Uses<{ settings: 'dataRoot'; looks: 'look' }>, id: string, directory: string): Promise<string> {
  if (directory === '') return join(containerDir(engine, id), 'checkpoints');
  await engine.looks.look('exists', [directory], { path: directory, failure: `stat ${directory}` });
  return directory;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** docker's rule for a new one; others are only looked for. */
export function checkName(name: string): void {
  if (!NAME.test(name)) throw invalidArgument(`Invalid checkpoint ID (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
}

/** Path of a checkpoint that is there. A name that is none of a checkpoint's leads nowhere. */
export async function findCheckpoint(folder: string, name: string, container: string): Promise<string> {
  const path = join(folder, name);
  const found = NAME.test(name) ? await statIfThere(path) : undefined;
  if (found === undefined) throw failed(`checkpoint ${name} does not exist for container ${container}`);
  if (!found.isDirectory()) throw failed(`${path} exists and is not a directory`);
  return path;
}

/** Makes the folder of a new one. */
export async function makeCheckpoint(folder: string, name: string, container: string): Promise<string> {
  const path = join(folder, name);
  const found = await statIfThere(path);
  if (found?.isDirectory() === true) throw failed(`checkpoint with name ${name} already exists for container ${container}`);
  if (found !== undefined) throw failed(`${path} exists and is not a directory`);
  await mkdir(path, { recursive: true, mode: 0o700 });
  return path;
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
