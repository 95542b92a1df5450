import { createLogger } from '@gantry/service';
import { untilSignal } from './signals';

test('a SIGHUP that comes while the engine starts is answered once it can be', async () => {
  const before = new Map(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'].map((name) => [name, process.listeners(name as NodeJS.Signals)]));
  try {
    const logger = createLogger({ service: 'test', version: '0', level: 'error' });
    const signals = untilSignal({ logger, reportFolder: '/nowhere' });
    process.emit('SIGHUP', 'SIGHUP');
    await new Promise((resolve) => {
      signals.onReload(async () => resolve(undefined));
    });
  } finally {
    for (const [name, listeners] of before)
      for (const listener of process.listeners(name as NodeJS.Signals))
        if (!listeners.includes(listener)) process.removeListener(name, listener);
  }
});
