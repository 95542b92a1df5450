import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A program that the kernel runs for others' programs. */
export interface Emulator {
  readonly name: string;
  readonly interpreter: string;
  /** The kernel holds the program open: it need not be in the container's tree. */
  readonly held: boolean;
  /** What it runs, as an ELF header says it. */
  readonly machine: ElfMachine;
}

export interface ElfMachine {
  readonly bits: 32 | 64;
  readonly bigEndian: boolean;
  readonly number: number;
}

export const BINFMT_MISC = '/proc/sys/fs/binfmt_misc';

/** The emulators that are registered and enabled; none where the kernel has no binfmt_misc, or it is not mounted. */
export async function readEmulators(directory: string = BINFMT_MISC): Promise<Emulator[]> {
  const names = await readdir(directory).catch(() => []);
  const texts = await Promise.all(
    names
      .filter((name) => name !== 'register' && name !== 'status')
      .map(async (name) => ({ name, text: await readFile(join(directory, name), 'utf8').catch(() => '') })),
  );
  return texts.flatMap(({ name, text }) => parseEmulator(name, text) ?? []);
}

/** One registration as the kernel shows it; undefined for one that is disabled, or goes by another mark than an ELF header. */
export function parseEmulator(name: string, text: string): Emulator | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  const value = (key: string): string | undefined => lines.find((line) => line.startsWith(`${key} `))?.slice(key.length + 1);
  const interpreter = value('interpreter');
  if (lines[0] !== 'enabled' || interpreter === undefined || value('offset') !== '0') return undefined;
  const machine = elfMachine(Buffer.from(value('magic') ?? '', 'hex'));
  if (machine === undefined) return undefined;
  return { name, interpreter, held: (value('flags:') ?? '').includes('F'), machine };
}

function elfMachine(magic: Buffer): ElfMachine | undefined {
  if (magic.length < 20 || magic.toString('latin1', 0, 4) !== '\x7fELF') return undefined;
  const bigEndian = magic[5] === 2;
  return { bits: magic[4] === 2 ? 64 : 32, bigEndian, number: bigEndian ? magic.readUInt16BE(18) : magic.readUInt16LE(18) };
}
