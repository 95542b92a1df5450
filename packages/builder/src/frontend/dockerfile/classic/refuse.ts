import type { Step } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  run: [],
  add: ['chown'],
  copy: ['chown', 'from', 'link'],
};

/** What the classic builder does not do, in its words. */
export function refuseNew({ instruction, text }: Step): void {
  const known = KNOWN[instruction.name];
  if (known === undefined) return;
  const unknown = flagsOf(text).find((flag) => !known.includes(flag));
  if (unknown !== undefined)
    throw invalidArgument(
      `the --${unknown} option requires BuildKit. Refer to https://docs.docker.com/go/buildkit/ to learn how to build images with BuildKit enabled`,
    );
  if (instruction.name === 'run' && instruction.run.files.length > 0)
    throw invalidArgument('RUN with a here-document requires BuildKit: the classic builder does not read it');
  if (instruction.name !== 'copy' && instruction.name !== 'add') return;
  const transfer = instruction.name === 'copy' ? instruction.copy : instruction.add;
  const word = instruction.name.toUpperCase();
  if (transfer.files.length > 0) throw invalidArgument(`${word} failed: no source files were specified`);
  if (transfer.sources.length > 1 && !transfer.dest.endsWith('/'))
    throw invalidArgument(`When using ${word} with more than one source file, the destination must be a directory and end with a /`);
}

function flagsOf(text: string): readonly string[] {
  const words = text.split(/\s+/).slice(1);
  const end = words.findIndex((word) => !word.startsWith('--'));
  return words.slice(0, end < 0 ? words.length : end).map((word) => word.slice(2).replace(/=.*$/s, ''));
}
