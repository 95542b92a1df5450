import { HealthService } from '@gantry/api/grpc/health/v1/health';
import { every, newContext, type StreamConnection } from '@gantry/rpc';

const EVERY_MS = 5000;
/** A client that is busy sending answers late: only two failures in a row of this length are taken for its death. */
const PATIENCE_MS = 30_000;
/** Answers after which an earlier failure is forgotten. */
const FORGIVEN = 5;

/** Asks a session's client now and then whether it is there. `lost` is called once, when it is not. */
export function watchHealth(connection: Pick<StreamConnection, 'client'>, lost: () => void): { stop(): void } {
  const health = connection.client(HealthService);
  let failed = false;
  let well = 0;
  let asking = false;
  const ask = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    try {
      await health.check(newContext(), { service: '' }, { timeoutMs: PATIENCE_MS });
      if (++well >= FORGIVEN) failed = false;
    } catch {
      if (failed) {
        timer.cancel();
        lost();
      }
      failed = true;
      well = 0;
    } finally {
      asking = false;
    }
  };
  const timer = every(EVERY_MS, () => void ask(), { ref: false });
  return { stop: () => timer.cancel() };
}
