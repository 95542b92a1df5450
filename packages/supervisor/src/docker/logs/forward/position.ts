import { readFile, rename, writeFile } from 'node:fs/promises';
import { hasCode } from '@gantry/linux';
import { type LogPlace, START } from '../place';
import type { OpenParts } from './partials';

/** How far a log was passed on. The monitor, which reads it, takes no file away that a blocking log has not passed on. */
export interface Position extends LogPlace {
  /** Lines that came before; absent in what older versions wrote. */
  readonly lines?: number | undefined;
  readonly parts: OpenParts;
  /** Lines that were given up so far. */
  readonly dropped: number;
}

const UNNUMBERED: Position = { ...START, parts: {}, dropped: 0 };
export const BEGINNING: Position = { ...UNNUMBERED, lines: 0 };

export const positionPath = (log: string): string => `${log}.sent`;

export async function readPosition(log: string): Promise<Position> {
  try {
    return { ...UNNUMBERED, ...(JSON.parse(await readFile(positionPath(log), 'utf8')) as Partial<Position>) };
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return BEGINNING;
    if (error instanceof SyntaxError) return UNNUMBERED; // a power cut tore it: sent once more
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
