import { isErrorOf, pause } from '@gantry/rpc';

/** Pauses before a service that went away is asked again, ms: it is back within a second or so. */
const PAUSES = [50, 200, 500, 1000, 2000];

/** Asks again while the service that is asked is not there. For what may be done twice. */
export async function patiently<T>(ask: () => Promise<T>): Promise<T> {
  for (const ms of PAUSES) {
    try {
      return await ask();
    } catch (error) {
      if (!isErrorOf(error, 'unavailable')) throw error;
    }
    await pause(ms);
  }
  return ask();
}
