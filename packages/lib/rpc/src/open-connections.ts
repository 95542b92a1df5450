import type { Duplex } from 'node:stream';

/**
 * The connections of a server, until they are closed. grpc-js's tryShutdown does not wait for those that were injected where Node closes an HTTP/2 server's sessions
 * with the server (from 24 on; findings/grpc-js-shutdown-of-injected-connections.sh): it takes one that is closing for one that is closed.
 */
export class OpenConnections {
  private readonly open = new Set<Duplex>();
  private whenNone: (() => void) | undefined;

  add(stream: Duplex): void {
    if (stream.destroyed) return;
    this.open.add(stream);
    stream.once('close', () => {
      this.open.delete(stream);
      if (this.open.size === 0) this.whenNone?.();
    });
  }

  /** Resolves when all are closed. */
  none(): Promise<void> {
    return this.open.size === 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.whenNone = resolve;
        });
  }

  cut(): void {
    for (const stream of this.open) stream.destroy();
  }
}
