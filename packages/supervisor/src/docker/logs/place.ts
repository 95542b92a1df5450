import { invalidArgument } from '@gantry/rpc';
import type { LogFile } from './chain';

/** A place between two lines of a log. */
export interface LogPlace {
  /** The file: the time of its first line. Empty: the place is before all lines. */
  readonly file: string;
  readonly offset: number;
}

export const START: LogPlace = { file: '', offset: 0 };

/** Where to go on in each file: behind the place, or at the oldest line when its file is gone. */
export async function startsBehind(files: readonly LogFile[], place: LogPlace): Promise<Map<LogFile, number>> {
  const names = await Promise.all(files.map((file) => file.name()));
  const at = place.file === '' ? -1 : names.indexOf(place.file);
  return new Map(files.flatMap((file, index) => (index < at ? [] : [[file, index === at ? place.offset : 0] as const])));
}

/** The place at which somebody begins who reads from these starts on; undefined where it has no name. A file that has no line yet begins behind the one before it. */
export async function placeOfStart(files: readonly LogFile[], starts: ReadonlyMap<LogFile, number>): Promise<LogPlace | undefined> {
  const index = files.findIndex((file) => starts.has(file));
  const [before, file] = [files[index - 1], files[index]];
  if (file === undefined) return START;
  const offset = starts.get(file) ?? 0;
  const name = await file.name();
  if (name !== '') return { file: name, offset };
  if (offset > 0) return undefined;
  if (before === undefined) return START;
  const nameBefore = await before.name();
  return nameBefore === '' ? undefined : { file: nameBefore, offset: (await (await before.contents()).stat()).size };
}

/** Names of the files that one reader comes through, each asked for once. */
export class Places {
  private named: { readonly file: LogFile; readonly name: string } | undefined;

  async in(file: LogFile, offset: number): Promise<LogPlace | undefined> {
    const name = await this.nameOf(file);
    return name === '' ? undefined : { file: name, offset };
  }

  async nameOf(file: LogFile): Promise<string> {
    if (this.named?.file !== file) this.named = { file, name: await file.name() };
    return this.named.name;
  }
}

/** A place as the gateway keeps it for a client; empty for none. */
export function markOf(place: LogPlace | undefined): Buffer {
  return Buffer.from(place === undefined ? '' : JSON.stringify([place.file, place.offset]));
}

export function placeOf(mark: Uint8Array): LogPlace | undefined {
  if (mark.length === 0) return undefined;
  try {
    const [file, offset] = JSON.parse(Buffer.from(mark).toString()) as [unknown, unknown];
    if (typeof file === 'string' && Number.isSafeInteger(offset) && Number(offset) >= 0) return { file, offset: Number(offset) };
  } catch {
    // told below
  }
  throw invalidArgument(`behind: ${JSON.stringify(Buffer.from(mark).toString())} is no mark of a log`);
}
