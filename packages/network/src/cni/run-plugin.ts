import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, asGantryError, deadlineExceeded, failedPrecondition, GantryError, isError, type ErrorKind } from '@gantry/rpc';
import { isObject, type JsonObject } from './config-list';

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION';

const OUTPUT_LIMIT = 4 * 1024 * 1024;
/** As much of what a program says beside its answer as a message takes. */
const WORDS_LIMIT = 4096;

export interface PluginCall {
  readonly type: string;
  readonly command: CniCommand;
  /** CNI_CONTAINERID and the like, without the prefix. */
  readonly variables: Readonly<Record<string, string>>;
  readonly input: JsonObject;
}

export interface PluginPlaces {
  /** Folders of the programs; the first that has one gives it. */
  readonly directories: readonly string[];
  readonly timeoutMs: number;
  /** What the programs have beside CNI's own variables. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs a program once and gives what it answered; undefined when it answered nothing. Errors carry the program's own code (`cniCode`) and name
 * it and its words. A program that takes longer than it may, or whose caller is gone, is killed with all that it started.
 */
export async function runPlugin(places: PluginPlaces, call: PluginCall, signal?: AbortSignal): Promise<JsonObject | undefined> {
  const path = await findPlugin(places.directories, call.type);
  signal?.throwIfAborted();
  const child = spawn(path, [], {
    detached: true, // a group of its own, so that all of it can be killed
    stdio: 'pipe',
    env: {
      ...places.environment,
      ...Object.fromEntries(Object.entries(call.variables).map(([name, value]) => [`CNI_${name}`, value])),
      CNI_COMMAND: call.command,
      CNI_PATH: places.directories.join(':'),
    },
  });
  const outcome = await finished(child, call, places.timeoutMs, signal);
  const words = outcome.stderr.trim();
  if (outcome.code === 0) return answerOf(outcome.stdout, call);
  throw failureOf(
    call,
    outcome.stdout,
    words,
    outcome.code === null ? `it was ended by ${outcome.signal}` : `it ended with ${outcome.code}`,
  );
}

async function findPlugin(directories: readonly string[], type: string): Promise<string> {
  for (const directory of directories) {
    const path = join(directory, type);
    try {
      if (!(await stat(path)).isFile()) continue;
      await access(path, constants.X_OK);
      return path;
    } catch {
      // the next one may have it
    }
  }
  throw failedPrecondition(`failed to find plugin "${type}" in path [${directories.join(' ')}]`, { meta: { cniPlugin: type } });
}

interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function finished(child: ChildProcess, call: PluginCall, timeoutMs: number, signal: AbortSignal | undefined): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const outputs = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    let length = 0;
    let failure: Error | undefined;
    const give = (error: Error): void => {
      failure ??= error;
      kill(child);
      // What it started and left may hold its pipes: nobody waits for that.
      child.stdout?.destroy();
      child.stderr?.destroy();
    };
    const timer = after(timeoutMs, () =>
      give(
        deadlineExceeded(
          `plugin type="${call.type}" failed (${call.command.toLowerCase()}): it took longer than ${timeoutMs / 1000} s and was killed`,
          {
            meta: { cniPlugin: call.type },
          },
        ),
      ),
    );
    const abort = (): void => give(asGantryError(signal?.reason));
    signal?.addEventListener('abort', abort, { once: true });
    const done = (run: () => void): void => {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
      run();
    };
    for (const name of ['stdout', 'stderr'] as const)
      child[name]?.on('data', (bytes: Buffer) => {
        length += bytes.length;
        if (length > OUTPUT_LIMIT) give(failureOf(call, '', '', `it said more than ${OUTPUT_LIMIT} bytes`));
        else outputs[name].push(bytes);
      });
    const text = (name: 'stdout' | 'stderr'): string => Buffer.concat(outputs[name]).toString();
    child.once('error', (cause) => done(() => reject(failureOf(call, '', '', cause.message))));
    child.once('close', (code, by) =>
      done(() => (failure === undefined ? resolve({ code, signal: by, stdout: text('stdout'), stderr: text('stderr') }) : reject(failure))),
    );
    child.stdin?.on('error', () => undefined); // a program need not read what it is told
    child.stdin?.end(JSON.stringify(call.input));
  });
}

/** All of the group: a program starts others (bridge its host-local), and they must not go on alone. */
function kill(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // it is gone
  }
}

function answerOf(stdout: string, call: PluginCall): JsonObject | undefined {
  if (stdout.trim() === '') return undefined;
  try {
    const value = JSON.parse(stdout) as unknown;
    if (isObject(value)) return value;
  } catch {
    // said below
  }
  throw failureOf(call, '', '', `it answered no JSON object: ${stdout.slice(0, WORDS_LIMIT)}`);
}

/** Codes of the specification ("Error"): those that say that trying again may help. */
const kinds: Readonly<Record<number, ErrorKind>> = { 11: 'unavailable', 50: 'unavailable', 51: 'unavailable' };

/** A failure in the words of the original: `plugin type="bridge" failed (add): message; details`. */
function failureOf(call: PluginCall, stdout: string, stderr: string, otherwise: string): GantryError {
  let said: unknown;
  try {
    said = JSON.parse(stdout);
  } catch {
    // the program did not say it in CNI's way
  }
  const { code, msg, details } = isObject(said) ? said : {};
  const words =
    typeof msg === 'string' && msg !== ''
      ? [msg, ...(typeof details === 'string' && details !== '' ? [details] : [])].join('; ')
      : `netplugin failed with no error message: ${JSON.stringify((stdout.trim() || stderr || otherwise).slice(0, WORDS_LIMIT))}`;
  const kind = (typeof code === 'number' ? kinds[code] : undefined) ?? 'unknown';
  return new GantryError(kind, `plugin type="${call.type}" failed (${call.command.toLowerCase()}): ${words}`, {
    meta: { cniPlugin: call.type, ...(typeof code === 'number' ? { cniCode: code } : {}) },
  });
}

/** Whether a failure is a program's own, with the code that it gave. */
export const cniCodeOf = (error: unknown): number | undefined => {
  const code = isError(error) ? (error as Partial<GantryError>).meta?.['cniCode'] : undefined;
  return typeof code === 'number' ? code : undefined;
};
