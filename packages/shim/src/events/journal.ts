import { appendFileSync, closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { type Envelope, Envelope as EnvelopeType } from '@gantry/api/containerd/types/types';
import type { Logger } from '@gantry/rpc';

export interface JournaledEvent {
  readonly sequence: bigint;
  readonly envelope: Envelope;
  /** Why a process ended when that was not its own doing; empty otherwise. */
  readonly exitError: string;
}

/** Events kept when nobody acknowledges (a client that only uses the Task service); the oldest go first. */
const KEEP = 4096;
/** Acknowledged bytes after which an empty journal's file is cut. */
const CUT_BYTES = 256 * 1024;

/**
 * The events that nobody has acknowledged yet, in a file of the run root: it outlives the shim, not the host. Each line is `e <sequence>
 * <base64 envelope> [<base64 exit error>]` or `a <sequence>` (acknowledged up to it). Writes are small, synchronous and not fsynced: a kill of the process
 * loses nothing that the kernel took.
 */
export class EventJournal {
  private readonly pending: JournaledEvent[] = [];
  private last = 0n;
  private acknowledged = 0n;
  private written = 0;
  private fd = -1;
  dropped = 0;

  constructor(
    private readonly path: string,
    private readonly logger: Logger,
  ) {}

  open(): void {
    let text = '';
    try {
      text = readFileSync(this.path, 'latin1');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    for (const line of text.split('\n')) this.replay(line);
    this.fd = openSync(this.path, 'a', 0o600);
    this.written = text.length;
    if (text !== '' && !text.endsWith('\n')) appendFileSync(this.fd, '\n'); // a line that was cut by a crash
  }

  close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
  }

  append(envelope: Envelope, exitError = ''): JournaledEvent {
    const event = { sequence: ++this.last, envelope, exitError };
    this.pending.push(event);
    this.write(
      `e ${event.sequence} ${Buffer.from(EnvelopeType.encode(envelope).finish()).toString('base64')}${exitError === '' ? '' : ` ${Buffer.from(exitError).toString('base64')}`}\n`,
    );
    if (this.pending.length > KEEP) {
      this.pending.shift();
      if (this.dropped++ === 0) this.logger.warn({ kept: KEEP }, 'nobody acknowledges events; the oldest are dropped');
    }
    return event;
  }

  /** Forgets every event up to and including this sequence number. */
  ack(sequence: bigint): void {
    if (sequence <= this.acknowledged) return;
    this.acknowledged = sequence > this.last ? this.last : sequence;
    while (this.pending[0] !== undefined && this.pending[0].sequence <= this.acknowledged) this.pending.shift();
    if (this.pending.length === 0 && this.written > CUT_BYTES) {
      ftruncateSync(this.fd, 0);
      this.written = 0;
    }
    this.write(`a ${this.acknowledged}\n`);
  }

  /** What was not acknowledged, from a sequence number on. */
  after(sequence: bigint): readonly JournaledEvent[] {
    return this.pending.filter((event) => event.sequence > sequence);
  }

  private write(line: string): void {
    this.written += writeSync(this.fd, line, null, 'latin1');
  }

  private replay(line: string): void {
    const [kind, number, payload, error = ''] = line.split(' ');
    if (number === undefined || !/^\d+$/.test(number)) return;
    const sequence = BigInt(number);
    if (kind === 'a') {
      if (sequence > this.last) this.last = sequence;
      this.acknowledged = sequence;
      while (this.pending[0] !== undefined && this.pending[0].sequence <= sequence) this.pending.shift();
    } else if (kind === 'e' && payload !== undefined && payload !== '') {
      if (sequence > this.last) this.last = sequence;
      try {
        this.pending.push({
          sequence,
          envelope: EnvelopeType.decode(Buffer.from(payload, 'base64')),
          exitError: Buffer.from(error, 'base64').toString(),
        });
      } catch {
        this.logger.warn({ sequence: number }, 'an event was cut off by a crash'); // its task's exit is published again: it was not marked
      }
    }
  }
}
