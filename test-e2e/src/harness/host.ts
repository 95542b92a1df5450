import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command, type CommandOptions, type CommandResult } from './command';

/** A folder and a network namespace that plays the host, for what is no engine of ours. */
export interface Host {
  readonly folder: string;
  readonly netns: string;
  /** Runs a command on that network. */
  onHost(file: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Unmounts what is left below the folder, and removes both. */
  remove(): Promise<void>;
}

export async function makeHost(): Promise<Host> {
  const folder = mkdtempSync(join(tmpdir(), `gantry-e2e-${process.pid}-`));
  const netns = folder.slice(folder.lastIndexOf('/') + 1);
  for (const args of [
    ['netns', 'add', netns],
    ['-n', netns, 'link', 'set', 'lo', 'up'],
  ]) {
    const made = await command('ip', args);
    if (made.code !== 0) throw new Error(`ip ${args.join(' ')}: ${made.stderr}`);
  }
  return {
    folder,
    netns,
    onHost: (file, args, options) => command('nsenter', [`--net=/run/netns/${netns}`, file, ...args], options),
    async remove() {
      for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n').reverse()) {
        const target = line.split(' ')[4] ?? '';
        if (target.startsWith(`${folder}/`)) await command('umount', ['-l', target]);
      }
      await command('ip', ['netns', 'del', netns]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
