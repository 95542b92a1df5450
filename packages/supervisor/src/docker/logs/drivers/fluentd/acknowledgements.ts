import { PassThrough } from 'node:stream';
import { decodeMultiStream } from '@msgpack/msgpack';
import { unavailable } from '@gantry/rpc';
import { loss } from '../wires/wire';

/** What the other side confirms: `{ack: CHUNK}`, one a chunk, in a row. */
export class Acknowledgements {
  private readonly answers = new PassThrough();
  private readonly waiting = new Map<string, () => void>();
  private readonly loss = loss();
  /** Rejects when what comes is no answer. */
  readonly lost = this.loss.lost;

  constructor() {
    void this.read();
  }

  hear(bytes: Buffer): void {
    this.answers.write(bytes);
  }

  of(chunk: string): Promise<void> {
    return new Promise((resolve) => void this.waiting.set(chunk, resolve));
  }

  close(): void {
    this.answers.end();
  }

  private async read(): Promise<void> {
    try {
      for await (const answer of decodeMultiStream(this.answers)) {
        const chunk = (answer as { ack?: unknown } | null)?.ack;
        const told = typeof chunk === 'string' ? this.waiting.get(chunk) : undefined;
        if (typeof chunk !== 'string' || told === undefined) throw unavailable('an acknowledgement is for nothing that was sent');
        this.waiting.delete(chunk);
        told();
      }
    } catch (error) {
      this.loss.lose(unavailable('the acknowledgements cannot be read', { cause: error }));
    }
  }
}
