import { join } from 'node:path';
import type { Logger } from '@gantry/rpc';

/** So many requests to stop end the process at once, as dockerd's third one does. */
const IMPATIENT = 3;
const WORDS = { SIGTERM: 'terminated', SIGINT: 'interrupt' } as const;

export interface Signals {
  /** Resolves when the process is asked to stop. */
  readonly asked: Promise<void>;
  /** SIGHUP, also one that came before. A failure is logged and changes nothing. */
  onReload(reload: () => Promise<void>): void;
}

/** Listens to the signals that dockerd knows. */
export function untilSignal({ logger, reportFolder }: { readonly logger: Logger; readonly reportFolder: string }): Signals {
  const asked = Promise.withResolvers<void>();
  let count = 0;
  for (const [signal, word] of Object.entries(WORDS)) {
    process.on(signal, () => {
      logger.info(`Processing signal '${word}'`);
      if (++count >= IMPATIENT) process.exit(1);
      asked.resolve();
    });
  }
  const ready = Promise.withResolvers<() => Promise<void>>();
  let reloading = Promise.resolve();
  process.on('SIGHUP', () => {
    reloading = reloading
      .then(async () => (await ready.promise)())
      .catch((error: unknown) => logger.error({ err: error }, 'Error reconfiguring the daemon'));
  });
  // Without a listener Node would open its debugger.
  process.on('SIGUSR1', () =>
    logger.info(`report written to ${process.report.writeReport(join(reportFolder, `report-${Date.now()}.json`))}`),
  );
  return {
    asked: asked.promise,
    onReload: (reload) => ready.resolve(reload),
  };
}
