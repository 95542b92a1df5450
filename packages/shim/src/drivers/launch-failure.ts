import type { LaunchCode } from '@gantry/native';
import { GantryError, type ErrorKind } from '@gantry/rpc';
import type { RuntimeVerb } from './driver';

/** What a launch's code is among errors, and which status docker gives a container for it. */
export const launchKinds = {
  internal: { kind: 'internal', exitCode: 128 },
  not_found: { kind: 'invalidArgument', exitCode: 127 },
  permission: { kind: 'invalidArgument', exitCode: 126 },
  invalid: { kind: 'failedPrecondition', exitCode: 128 },
  no_program: { kind: 'invalidArgument', exitCode: 127 },
  program_refused: { kind: 'invalidArgument', exitCode: 126 },
  program_broken: { kind: 'failedPrecondition', exitCode: 128 },
  mount_kind: { kind: 'invalidArgument', exitCode: 127 },
} as const satisfies Record<LaunchCode, { readonly kind: ErrorKind; readonly exitCode: number }>;

/**
 * The code of another runtime's failure. A foreign program tells us in words only: this is the one place where they are read, and
 * everything above goes by the code. `program` is what was to be executed; undefined when that is not known (any more).
 */
export function codeOfWords(reason: string, program: string | undefined): LaunchCode | undefined {
  const named = program === undefined || reason.includes(program);
  if (/executable file.*not found|no such file or directory|cannot find/i.test(reason)) return named ? 'no_program' : 'not_found';
  if (/permission denied|not executable|is a directory|operation not permitted/i.test(reason))
    return named ? 'program_refused' : 'permission';
  if (named && /exec format error/i.test(reason)) return 'program_broken';
  return /not a directory/i.test(reason) && /mount/i.test(reason) ? 'mount_kind' : undefined;
}

/** runc's words for what clients read in a failure, where a runtime has others. */
const words: Partial<Record<LaunchCode, { readonly known: RegExp; readonly text: string }>> = {
  no_program: { known: /executable file not found|no such file or directory/, text: 'executable file not found in $PATH' },
  program_refused: { known: /permission denied|is a directory/, text: 'permission denied' },
};

function inKnownWords(reason: string, code: LaunchCode, program: string): string {
  const wanted = words[code];
  return wanted === undefined || wanted.known.test(reason) ? reason : `exec: "${program}": ${wanted.text}: ${reason}`;
}

/** A failure with the reason that another runtime left for it. */
export function launchFailure(reason: string, error: GantryError, program: string | undefined): GantryError {
  const code = codeOfWords(reason, program);
  const text = reason.replace(/^gantry-(?=runc )/, '');
  if (code === undefined) return new GantryError(error.kind, text, { cause: error, meta: error.meta });
  const { kind, exitCode } = launchKinds[code];
  return new GantryError(kind, inKnownWords(text, code, program ?? ''), { cause: error, meta: { ...error.meta, launch: code, exitCode } });
}

/**
 * A failure of a runtime as containerd's shims tell it; what is no failure of a runtime stays as it is. `meta.reason` keeps the reason
 * alone, for callers with other words before it.
 */
export function ofRuntime(error: GantryError, verb: RuntimeVerb, reason: string): GantryError {
  if (error.meta['launch'] === undefined) return error;
  return new GantryError(error.kind, `OCI runtime ${verb} failed: ${reason}`, { cause: error, meta: { ...error.meta, reason } });
}

/** A failure that a Task server tells: it has such words already, and containerd's `unknown` behind them. */
export function ofServer(error: GantryError, program: string | undefined): GantryError {
  const [, verb, reason] = /^OCI runtime (\w+) failed: (.*?)(?:: unknown)?$/s.exec(error.message) ?? [];
  const failure = launchFailure(reason ?? error.message, error, program);
  return verb === undefined ? failure : ofRuntime(failure, verb as RuntimeVerb, failure.message);
}
