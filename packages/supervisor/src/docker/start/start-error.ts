import { type LaunchCode, launchCode } from '@gantry/native';
import { asGantryError, type ErrorKind, GantryError } from '@gantry/rpc';
import type { StartFailure } from '../../core/start/start';

const PREFIX = 'failed to create task for container: failed to create shim task: OCI runtime create failed: ';
const STARTING = 'runc create failed: unable to start container process: ';

interface Told {
  readonly kind: ErrorKind;
  readonly exitCode: number;
  readonly advice?: string;
}

/** What docker answers for a launch's code, and with which exit code it leaves the container; of other codes the error's own kind, and 128. */
const answers: Partial<Record<LaunchCode, Told>> = {
  no_program: { kind: 'invalidArgument', exitCode: 127 },
  program_refused: { kind: 'invalidArgument', exitCode: 126 },
  program_broken: { kind: 'internal', exitCode: 126 },
  mount_kind: {
    kind: 'invalidArgument',
    exitCode: 127,
    advice:
      ': Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type',
  },
};

/** A failed start in docker's words; the docker CLI takes its own exit code from them. */
export function startFailure(thrown: unknown): StartFailure {
  const failure = asGantryError(thrown);
  if (failure.meta['step'] !== 'task') return { error: failure, exitCode: 128 };
  const code = launchCode(failure);
  const { kind, exitCode, advice = '' } = (code === undefined ? undefined : answers[code]) ?? { kind: plainKind(failure), exitCode: 128 };
  const { reason } = failure.meta;
  const told = typeof reason === 'string' ? reason : `${STARTING}${failure.message}`;
  return {
    error: new GantryError(kind, `${PREFIX}${told}: unknown${advice}`, { cause: thrown, meta: { ...failure.meta, exitCode } }),
    exitCode,
  };
}

function plainKind({ kind, meta }: GantryError): ErrorKind {
  return kind === 'unknown' && meta['reason'] !== undefined ? 'internal' : kind;
}
