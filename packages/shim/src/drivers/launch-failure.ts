import { GantryError } from '@gantry/rpc';
import type { RuntimeVerb } from './driver';

/**
 * A runtime's own reason for a failed create or start. By the same words dockerd tells 126 and 127 apart for any runtime.
 */
export function launchFailure(reason: string, error: GantryError): GantryError {
  const missing = /executable file.*not found|no such file or directory|cannot find/i.test(reason);
  const refused = /permission denied|not executable|is a directory|operation not permitted/i.test(reason);
  const meta = missing ? { launch: 'not_found', exitCode: 127 } : refused ? { launch: 'permission', exitCode: 126 } : error.meta;
  return new GantryError(missing || refused ? 'invalidArgument' : error.kind, reason, { cause: error, meta });
}

/** A failure of a runtime as containerd's shims tell it; what is no failure of a runtime stays as it is. */
export function ofRuntime(error: GantryError, verb: RuntimeVerb, reason: string): GantryError {
  if (error.meta['launch'] === undefined) return error;
  return new GantryError(error.kind, `OCI runtime ${verb} failed: ${reason}`, { cause: error, meta: error.meta });
}
