import { fstatSync, readFileSync, writeFileSync } from 'node:fs';
import { errorText, failedPrecondition, invalidArgument } from '@gantry/rpc/errors';
import { answerForm, answerLine } from './caller';
import type { Invocation } from './config';
import { askRunningShim } from './ensure';
import { namespaceSockets, placesOf } from './places';

/**
 * `start`: announces a task to the shim of this containerd (started when it does not run) and answers where it serves, in the caller's form. The
 * working directory is the bundle. Nothing else may be written to stdout or stderr: containerd reads both.
 */
export async function start(call: Invocation): Promise<string> {
  for (const [flag, value] of [
    ['namespace', call.namespace],
    ['id', call.id],
    ['address', call.address],
  ] as const)
    if (value === '') throw invalidArgument(`start needs -${flag}`);
  const places = placesOf(call.address);
  const { ok, error, protocol } = await askRunningShim(call, places, { op: 'expect', namespace: call.namespace, id: call.id });
  if (!ok) throw failedPrecondition(`the shim does not take ${call.id}: ${error ?? ''}`);
  const form = await answerForm(call, readStdin(), places);
  const line = answerLine(form, namespaceSockets(places, call.namespace), protocol ?? 'ttrpc');
  if (form === 'address') writeFileSync('address', line, { mode: 0o600 }); // where containerd 1.x looks after its own restart
  return line;
}

/** The options, or parameters; nothing when it is a terminal. */
function readStdin(): Buffer {
  try {
    return fstatSync(0).isCharacterDevice() ? Buffer.alloc(0) : readFileSync(0);
  } catch (error) {
    throw failedPrecondition(`cannot read stdin: ${errorText(error)}`, { cause: error });
  }
}
