import type { Duplex } from 'node:stream';
import { DetachScanner } from './detach-keys';

export interface SpliceOptions {
  /** Client bytes go to the process. */
  readonly stdin: boolean;
  /** Keys that end the splice and leave the process alone; a terminal's only. */
  readonly detachKeys?: Buffer;
  /** Called when the process side has said all, before the client's side is closed. */
  readonly beforeEnd?: () => Promise<void>;
}

/** Time for a client to close its own side after ours, milliseconds. */
const CLOSE_MS = 10_000;

/**
 * Joins a client and a process's monitor until one of them is done: output flows down with back-pressure, input up, and the client's half-close
 * becomes the end of stdin. Resolves when both are closed; never rejects, because either side's death is an ordinary end.
 */
export function splice(client: Duplex, monitor: Duplex, options: SpliceOptions): Promise<void> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const closeClient = (): void => {
      client.unpipe();
      client.resume(); // bytes that nobody reads would turn our close into a reset
      client.end();
      timer ??= setTimeout(() => client.destroy(), CLOSE_MS);
      timer.unref();
    };
    const failed = (): void => undefined; // 'close' follows
    client.on('error', failed);
    monitor.on('error', failed);
    client.once('close', () => {
      clearTimeout(timer);
      monitor.destroy();
      resolve();
    });

    monitor.pipe(client, { end: false });
    let over = false;
    const processEnded = (): void => {
      if (over) return;
      over = true;
      void (options.beforeEnd?.() ?? Promise.resolve()).catch(() => undefined).then(closeClient);
    };
    monitor.once('end', processEnded);
    monitor.once('close', processEnded);

    client.once('end', () => {
      if (over) client.destroySoon?.();
    });
    if (!options.stdin) client.resume();
    else if (options.detachKeys === undefined) client.pipe(monitor);
    else pumpTerminal(client, monitor, options.detachKeys, () => monitor.destroy());
  });
}

function pumpTerminal(client: Duplex, monitor: Duplex, keys: Buffer, detach: () => void): void {
  const scanner = new DetachScanner(keys);
  client.on('data', (chunk: Buffer) => {
    if (monitor.writableEnded || monitor.destroyed) return;
    const { pass, detached } = scanner.scan(chunk);
    if (pass.length > 0 && !monitor.write(pass)) {
      client.pause();
      monitor.once('drain', () => client.resume());
    }
    if (detached) detach();
  });
  if (client.readableEnded) monitor.end();
  client.on('end', () => monitor.end());
  client.resume();
}

declare module 'node:stream' {
  interface Duplex {
    /** net.Socket's: ends, then destroys once everything is written. */
    destroySoon?(): void;
  }
}
