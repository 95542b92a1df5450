import type { Duplex, Transform } from 'node:stream';
import { DetachScanner } from './detach-keys';
import { whenTaken } from './hold';

export interface SpliceOptions {
  /** Client bytes go to the process. */
  readonly stdin: boolean;
  /** Keys that end the splice and leave the process alone; a terminal's only. */
  readonly detachKeys?: Buffer;
  /** Changes output on its way to the client. */
  readonly through?: Transform;
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
    const failed = (): void => undefined; // 'close' follows
    client.on('error', failed);
    monitor.on('error', failed);
    if (client.destroyed) {
      monitor.destroy();
      return resolve();
    }
    client.once('close', () => {
      monitor.destroy();
      resolve();
    });

    if (options.through === undefined) monitor.pipe(client, { end: false });
    else monitor.pipe(options.through).pipe(client, { end: false });
    let over = false;
    const processEnded = (): void => {
      if (over) return;
      over = true;
      void (options.beforeEnd?.() ?? Promise.resolve()).catch(() => undefined).then(() => closeClient(client));
    };
    (options.through ?? monitor).once('end', processEnded);
    monitor.once('close', processEnded);

    if (!options.stdin) client.resume();
    else if (options.detachKeys === undefined) client.pipe(monitor);
    else pumpTerminal(client, monitor, options.detachKeys, () => monitor.destroy());
  });
}

/**
 * Ends our side when everything is written, however slow the client reads, and then gives it time to end its own. What it still sends is read,
 * or our close would be a reset.
 */
export function closeClient(client: Duplex): void {
  if (client.destroyed) return;
  const taken = whenTaken(client);
  if (taken !== undefined) {
    void taken.then(() => closeClient(client));
    return;
  }
  client.unpipe();
  client.resume();
  client.end(() => {
    if (client.readableEnded) return client.destroy();
    const timer = setTimeout(() => client.destroy(), CLOSE_MS);
    timer.unref();
    client.once('end', () => client.destroy());
    client.once('close', () => clearTimeout(timer));
    return undefined;
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
