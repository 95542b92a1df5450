import { asGantryError, GantryError } from '@gantry/rpc';
import type { StartFailure } from '../../core/start/start';

const PREFIX = 'failed to create task for container: failed to create shim task: OCI runtime create failed: ';

const STARTING = 'runc create failed: unable to start container process: ';
/** What the shim puts before a runtime's reason, and runc before its own. */
const WORDS = /^(OCI runtime \w+ failed: )?((?:gantry-)?runc \w+ failed: unable to start container process: )?/;

const MOUNT_ADVICE =
  ': Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type';

/**
 * Reads what the runtime said of a command that could not be executed. Texts matter: the docker CLI takes its own exit code from them
 * ("executable file not found" or "no such file or directory": 127, "permission denied" or "is a directory": 126).
 */
export function startFailure(thrown: unknown, command: string): StartFailure {
  const failure = asGantryError(thrown);
  const [words = '', runtime, starting] = WORDS.exec(failure.message) ?? [];
  const text = inDockersWords(failure.message.slice(words.length), command, failure.meta);
  const prefix = runtime === undefined || starting !== undefined ? `${PREFIX}${STARTING}` : PREFIX;
  const about = (...needles: string[]): boolean => needles.some((needle) => text.includes(needle));
  const named = text.includes(command);
  const full = about('failed to create task for container', 'failed to set up container networking')
    ? text
    : about('OCI runtime')
      ? `${PREFIX.replace(/OCI runtime.*/, '')}${text}`
      : undefined;
  const wrapped = (kind: GantryError['kind'], exitCode: number): StartFailure => ({
    error: new GantryError(kind, full ?? `${prefix}${text}: unknown`, {
      cause: thrown,
      meta: { ...failure.meta, exitCode },
    }),
    exitCode,
  });
  if (named && about('executable file not found', 'no such file or directory')) return wrapped('invalidArgument', 127);
  if (named && about('permission denied', 'is a directory', 'exec format error'))
    return wrapped(about('exec format error') ? 'internal' : 'invalidArgument', 126);
  if (about('not a directory') && about('mount')) {
    const advised = full ?? `${prefix}${text}: unknown`;
    return {
      error: new GantryError('invalidArgument', `${advised}${MOUNT_ADVICE}`, { cause: thrown, meta: { ...failure.meta, exitCode: 127 } }),
      exitCode: 127,
    };
  }
  if (full !== undefined && about('OCI runtime')) return wrapped(failure.kind === 'unknown' ? 'internal' : failure.kind, 128);
  return failure.meta['step'] === 'task' ? wrapped(failure.kind, 128) : { error: failure, exitCode: 128 };
}

/** Another runtime's text for a command that cannot run, with the words before it by which docker's clients know it. */
function inDockersWords(text: string, command: string, meta: GantryError['meta']): string {
  const words =
    meta['exitCode'] === 127 ? 'executable file not found in $PATH' : meta['exitCode'] === 126 ? 'permission denied' : undefined;
  const known = /executable file not found|no such file or directory|permission denied|is a directory|exec format error/.test(text);
  return words === undefined || known ? text : `exec: "${command}": ${words}: ${text}`;
}
