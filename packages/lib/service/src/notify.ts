import type { Logger } from '@gantry/rpc';
import { every, type Timer } from '@gantry/rpc/timer';
import { errorText } from '@gantry/rpc/errors';
import type { Environment } from './config';

/** Speaks systemd's readiness protocol (sd_notify(3)); does nothing when no manager listens. */
export interface Notifier {
  ready(status: string): void;
  stopping(): void;
  close(): void;
}

export const silentNotifier: Notifier = { ready: () => undefined, stopping: () => undefined, close: () => undefined };

/** Node has no datagram unix sockets, so the message goes out through the FFI module, which is loaded only here and only then. */
export async function createNotifier(environment: Environment, logger: Logger): Promise<Notifier> {
  const { notifySocket, watchdogMs } = environment;
  if (notifySocket === undefined) return silentNotifier;
  const { sendDatagram } = await import('@gantry/linux');
  const say = (message: string): void => {
    try {
      sendDatagram(notifySocket, Buffer.from(message));
    } catch (error) {
      logger.warn(`cannot notify ${notifySocket}: ${errorText(error)}`);
    }
  };
  let heartbeat: Timer | undefined;
  return {
    ready: (status) => {
      say(`READY=1\nSTATUS=${status}\nMAINPID=${process.pid}`);
      if (watchdogMs !== undefined) heartbeat = every(watchdogMs / 3, () => say('WATCHDOG=1'), { ref: false });
    },
    stopping: () => say('STOPPING=1'),
    close: () => heartbeat?.cancel(),
  };
}
