import { readFile, rename, writeFile } from 'node:fs/promises';
import { hasCode } from '@gantry/linux';
import type { LogFile } from '../chain';
import type { OpenParts } from './partials';

/** How far a log was passed on. */
export interface Position {
  /** The file: the time of its first line. The monitor takes none away that is not passed on. */
  readonly file: string;
  readonly offset: number;
  readonly parts: OpenParts;
  /** Lines that were given up so far. */
  readonly dropped: number;
}

export const BEGINNING: Position = { file: '', offset: 0, parts: {}, dropped: 0 };

export const positionPath = (log: string): string => `${log}.sent`;

export async function readPosition(log: string): Promise<Position> {
  try {
    return { ...BEGINNING, ...(JSON.parse(await readFile(positionPath(log), 'utf8')) as Partial<Position>) };
  } catch (error) {
    if (hasCode(error, 'ENOENT') || error instanceof SyntaxError) return BEGINNING; // a power cut tore it: sent once more
    throw error;
  }
}

/** Whole or not at all. The folder is gone when the container is. */
export async function writePosition(log: string, position: Position): Promise<void> {
  try {
    await writeFile(`${positionPath(log)}.new`, `${JSON.stringify(position)}\n`, { mode: 0o600 });
    await rename(`${positionPath(log)}.new`, positionPath(log));
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

/** Where to go on in each file: behind the position, or at the oldest line when its file is gone. */
export async function startsBehind(files: readonly LogFile[], position: Position): Promise<Map<LogFile, number>> {
  const names = await Promise.all(files.map((file) => file.name()));
  const at = position.file === '' ? -1 : names.indexOf(position.file);
  return new Map(files.flatMap((file, index) => (index < at ? [] : [[file, index === at ? position.offset : 0] as const])));
}
