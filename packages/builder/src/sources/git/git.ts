import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { internal } from '@gantry/rpc';
import type { StepProgress } from '../../progress/progress';
import { PROTOCOLS } from './identifier';

export interface GitRun {
  readonly signal: AbortSignal;
  readonly progress?: StepProgress | undefined;
  /** Folder that git runs in. */
  readonly folder: string;
  /** Configuration beside that of the repository, as environment: arguments can be read by everybody on the machine. */
  readonly config?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Fetching from a repository of this machine: our own. */
  readonly local?: boolean;
  /** What is not to be told. */
  readonly hidden?: readonly string[];
}

/** Names of proxies are the service's own environment's. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Runs the host's git, without a shell, without configuration of system or user, with the protocols that are allowed and no other, and without anybody who could
 * type a password. What it says is the step's output. The result is what it wrote to stdout.
 */
export async function git(args: readonly string[], run: GitRun): Promise<Buffer> {
  const child = spawn('git', args, {
    cwd: run.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: run.signal,
    env: {
      PATH,
      HOME: '/nonexistent',
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      ...settings(run),
      ...run.environment,
    },
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => output.push(part));
  child.stderr.on('data', (part: Buffer) => {
    errors.push(part);
    run.progress?.log(2, concealed(part, run.hidden));
  });
  let code: number | null;
  try {
    [code] = (await once(child, 'close')) as [number | null];
  } catch (error) {
    run.signal.throwIfAborted();
    throw internal(`git cannot be run: ${(error as Error).message}`, { cause: error });
  }
  if (code === 0) return Buffer.concat(output);
  run.signal.throwIfAborted();
  throw internal(
    `git ${args[0] ?? ''} failed with exit code ${code ?? 'none'}: git stderr:\n${concealed(Buffer.concat(errors), run.hidden).toString()}`,
    {
      meta: { exitCode: code ?? -1 },
    },
  );
}

function settings({ config = {}, local = false }: GitRun): Record<string, string> {
  const all: readonly (readonly [string, string])[] = [
    ['protocol.allow', 'never'],
    ...PROTOCOLS.map((name) => [`protocol.${name}.allow`, 'always'] as const),
    ['protocol.file.allow', local ? 'always' : 'never'],
    ['init.defaultBranch', 'master'],
    ['advice.detachedHead', 'false'],
    ['core.hooksPath', '/nonexistent'],
    ['safe.directory', '*'],
    ...Object.entries(config),
  ];
  return {
    GIT_CONFIG_COUNT: String(all.length),
    ...Object.fromEntries(
      all.flatMap(([key, value], at) => [[`GIT_CONFIG_KEY_${at}`, key] as const, [`GIT_CONFIG_VALUE_${at}`, value] as const]),
    ),
  };
}

function concealed(bytes: Buffer, hidden: readonly string[] = []): Buffer {
  let text = bytes.toString('latin1');
  for (const secret of hidden) if (secret !== '') text = text.replaceAll(Buffer.from(secret).toString('latin1'), 'xxxxx');
  return Buffer.from(text, 'latin1');
}
