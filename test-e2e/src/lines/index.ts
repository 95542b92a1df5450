import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineKind } from '../harness';
import { readTranscript, writeTranscript, type Line, type Session } from './transcript';

const folder = join(__dirname, 'sessions');

/** All transcripts, by the names of their files. */
export const transcripts: ReadonlyMap<string, Session[]> = new Map(
  readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => [name.slice(0, -4), readTranscript(readFileSync(join(folder, name), 'utf8'))]),
);

/** Writes a transcript anew, with the output that its lines have now. */
export function keepTranscript(name: string): void {
  writeFileSync(join(folder, `${name}.txt`), writeTranscript(transcripts.get(name) ?? []));
}

/** Takes what an engine prints now for what it is to print. */
export function record(line: Line, kind: EngineKind, output: string): void {
  if (kind === 'dockerd') line.output = output;
  else if (output === line.output) delete line.gantry;
  else line.gantry = { reason: line.gantry?.reason ?? 'not told yet', output };
}
