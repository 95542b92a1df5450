import { spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { isOfProgram, LAUNCH_CODES, type LaunchCode } from '@gantry/native';
import { GantryError, type ErrorKind } from '@gantry/rpc/errors';

export interface NativeOptions {
  readonly mode: 'runc-create' | 'runc-exec';
  readonly plan: Uint8Array;
  /** Directory for start.sock: leave the process created. */
  readonly listen?: string;
  readonly detach?: boolean;
  readonly terminal: boolean;
  readonly consoleSocket?: string;
  /** Unix socket that gets a pidfd of the process. */
  readonly pidfdSocket?: string;
  readonly preserveFds: number;
  readonly consoleSize?: { readonly height: number; readonly width: number };
}

/** A launch by the C program; our own 0, 1, 2 and preserved descriptors become the process's. */
export interface NativeLaunch {
  /** Process id once created. */
  readonly created: Promise<number>;
  readonly started: Promise<void>;
  /** The program's exit status (foreground), or of the C program itself. */
  readonly ended: Promise<number>;
  readonly start: () => void;
}

const kinds = {
  not_found: 'notFound',
  permission: 'forbidden',
  invalid: 'invalidArgument',
  internal: 'internal',
  no_program: 'notFound',
  program_refused: 'forbidden',
  program_broken: 'invalidArgument',
  mount_kind: 'notFound',
} as const satisfies Record<LaunchCode, ErrorKind>;

export function launchNative(native: string, options: NativeOptions): NativeLaunch {
  const args = [
    options.mode,
    ...(options.listen ? ['--listen', options.listen] : []),
    ...(options.detach ? ['--detach'] : []),
    ...(options.terminal ? ['--terminal'] : []),
    ...(options.consoleSocket ? ['--console', options.consoleSocket] : []),
    ...(options.pidfdSocket ? ['--pidfd', options.pidfdSocket] : []),
    ...(options.preserveFds ? ['--preserve', String(options.preserveFds)] : []),
    ...(options.consoleSize ? ['--size', `${options.consoleSize.height}x${options.consoleSize.width}`] : []),
  ];
  const descriptors = Array.from({ length: 3 + options.preserveFds }, (_, fd) => fd);
  const child = spawn(native, args, { stdio: [...descriptors, 'pipe'] });
  const control = child.stdio[descriptors.length] as Duplex;
  const waiting = new Map<string, { resolve: (rest: string) => void; reject: (error: Error) => void }>();
  const when = (word: string) =>
    new Promise<string>((resolve, reject) => {
      waiting.set(word, { resolve, reject });
    });
  const fail = (error: Error) => {
    for (const { reject } of waiting.values()) reject(error);
  };
  const created = when('created').then(Number);
  const started = when('started').then(() => undefined);
  created.catch(() => undefined); /* the caller may only look at one of them */
  started.catch(() => undefined);
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', (error) => {
      fail(error);
      reject(error);
    });
    child.on('close', (code, signal) => {
      fail(new GantryError('internal', `the launcher ended with ${code ?? signal ?? 'nothing'}`));
      resolve(code ?? 125);
    });
  });
  const head = Buffer.alloc(4);
  head.writeUInt32LE(options.plan.length);
  control.on('error', () => undefined); /* its end is told by close */
  control.write(Buffer.concat([head, options.plan]));
  let text = '';
  let made = false;
  control.on('data', (data: Buffer) => {
    text += data.toString();
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n')) {
      const [word = '', ...rest] = text.slice(0, at).split(' ');
      text = text.slice(at + 1);
      if (word === 'created') made = true;
      if (word === 'error') {
        const code = LAUNCH_CODES.find((name) => name === rest[0]);
        fail(refusal(code, duringInit(code, rest.slice(1).join(' ')), made));
      }
      waiting.get(word)?.resolve(rest.join(' '));
    }
  });
  return {
    created,
    started,
    ended,
    start: () => {
      control.write('start\n');
    },
  };
}

/** What the C program tells of a failure, before or after the container was made. */
export function refusal(code: LaunchCode | undefined, text: string, made: boolean): GantryError {
  const launch = code ?? 'internal';
  return new GantryError(kinds[launch], text, { meta: { launch, made } });
}

/** Callers tell a program that cannot be run from a container that cannot be made. */
function duringInit(code: LaunchCode | undefined, text: string): string {
  return isOfProgram(code) ? text : `error during container init: ${text}`;
}
