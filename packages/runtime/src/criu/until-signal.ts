import { cancelled } from '@gantry/rpc/errors';
import type { CriuSession } from './session';

const ENDING = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** Does criu's work unless this process is told to end: then criu is ended first, and the error is `cancelled` and names the signal. */
export async function untilSignal<T>(session: Pick<CriuSession, 'kill'>, work: () => Promise<T>): Promise<T> {
  let told: NodeJS.Signals | undefined;
  const end = (signal: NodeJS.Signals): void => {
    told = signal;
    session.kill().catch(() => undefined); // the work fails with it
  };
  for (const signal of ENDING) process.on(signal, end);
  try {
    return await work();
  } catch (error) {
    throw told === undefined ? error : cancelled(`criu was ended by ${told}`, { cause: error });
  } finally {
    for (const signal of ENDING) process.off(signal, end);
  }
}
