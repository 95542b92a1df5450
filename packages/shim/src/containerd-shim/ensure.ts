import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { failedPrecondition } from '@gantry/rpc/errors';
import type { Invocation } from './config';
import { askShim, type ControlAnswer, type ControlRequest } from './control';
import { takeLock } from './lock';
import type { Places } from './places';

const START_MS = 20_000;

/** Asks the shim of this containerd, which is started when it does not run. One caller starts it, the others wait. */
export async function askRunningShim(call: Invocation, places: Places, request: ControlRequest): Promise<ControlAnswer> {
  for (let tries = 0; tries < 3; tries++) {
    const answer = await askShim(places.control, request);
    if (answer !== undefined && answer.leaving !== true) return answer;
    const lock = await takeLock(places.startLock, START_MS);
    try {
      const again = await askShim(places.control, request); // another caller may have been quicker
      if (again !== undefined && again.leaving !== true) return again;
      await startShim(call, places);
    } finally {
      lock.close();
    }
  }
  throw failedPrecondition(`the shim of ${call.address} ends as soon as it was started (see ${places.log})`);
}

/** A process of its own, in a session of its own; it tells on descriptor 3 that it serves. */
async function startShim(call: Invocation, places: Places): Promise<void> {
  mkdirSync(places.run, { recursive: true, mode: 0o711 });
  const log = openSync(places.log, 'a', 0o600);
  const flags = ['-address', call.address, '-publish-binary', call.publishBinary, ...(call.debug ? ['-debug'] : []), 'serve'];
  const child = spawn(process.execPath, [process.argv[1] as string, ...flags], {
    stdio: ['ignore', log, log, 'pipe'],
    detached: true,
    cwd: '/',
  });
  closeSync(log);
  const told = child.stdio[3] as Readable;
  let ready = '';
  told.on('data', (part: Buffer) => (ready += part.toString()));
  await once(told, 'close');
  child.unref();
  if (ready !== 'ready\n')
    throw failedPrecondition(`the shim of ${call.address} did not start: ${readFileSync(places.log, 'utf8').slice(-2000)}`);
}
