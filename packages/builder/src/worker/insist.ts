import { isErrorOf, pause } from '@gantry/rpc';

/** A service that dies so often over one call is not coming back. */
const TRIES = 5;
const PAUSE_MS = 50;

/** A call that may be made twice and must be known to have happened: made again where the service died over it. A call waits for a service that is starting. */
export async function insist<T>(call: (again: boolean) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await call(tries > 1);
    } catch (error) {
      if (!isErrorOf(error, 'unavailable') || tries === TRIES) throw error;
      await pause(PAUSE_MS * tries);
    }
  }
}

/** The same for what makes something under a name that nobody else gives: what another try finds there the one before has made. */
export async function insistOnMaking(make: () => Promise<unknown>): Promise<void> {
  await insist(async (again) => {
    try {
      await make();
    } catch (error) {
      if (!again || !isErrorOf(error, 'alreadyExists')) throw error;
    }
  });
}
