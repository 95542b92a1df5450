import { after, errorText, type Logger, pause, type Timer, unavailable } from '@gantry/rpc';
import { type Chunk, readChunks } from '../chunks';
import type { Forwarding, LogMessage, LogSink, LogTarget } from '../drivers/driver';
import { goSize } from '@gantry/oci';
import { Places, startsBehind } from '../place';
import { countLines, linesOf } from '../read';
import { Allowance } from './allowance';
import { Partials } from './partials';
import { LineNumbers } from './line-numbers';
import { BEGINNING, type Position, readPosition, writePosition } from './position';

export interface ForwarderNeeds {
  readonly log: string;
  readonly target: LogTarget;
  readonly forwarding: Forwarding;
  /** Dials in the driver's place. */
  readonly connect?: (signal: AbortSignal) => Promise<LogSink>;
  readonly logger: Logger;
  dropped(count: number): void;
}

/** Milliseconds between two writes of the position. */
const SAVE_MS = 250;
/** Milliseconds between two tries when no line follows. */
const HURRY_MS = 200;
/** Milliseconds between two words on lines that were given up. */
const TELL_MS = 60_000;

/**
 * Passes the lines of one container's log on, from where the last one came to. A line is sent at least once: the position on disk never runs
 * ahead of what the remote has surely taken, and a connection that breaks is gone on from there.
 */
export class Forwarder {
  private readonly stopping = new AbortController();
  private readonly over = Promise.withResolvers<void>();
  private readonly ended = new AbortController();
  /** Sent, and since when; the oldest first. */
  private sent: { readonly position: Position; readonly at: number; readonly sends: number }[] = [];
  private progress: LogSink['progress'];
  private saved = BEGINNING;
  private writing: Promise<void> = Promise.resolve();
  private readonly allowance: Allowance | undefined;
  private readonly doubtMs: number;
  private readonly places = new Places();
  private saving: Timer | undefined;
  /** Lines that were given up, which the position has to tell once it moves on. */
  private dropped = 0;
  private told = -Infinity;
  /** Settles when all is passed on after the end of the output, or it was stopped. */
  readonly done: Promise<void>;
  /** Performance's time at which a line was taken last. */
  lastTaken = performance.now();

  constructor(private readonly needs: ForwarderNeeds) {
    const { options } = needs.target;
    const lines = needs.forwarding.buffer?.(options);
    if (options['mode'] === 'non-blocking')
      this.allowance = new Allowance(goSize(options['max-buffer-size'] ?? '1000000', 1024), ({ line }) => Buffer.byteLength(line));
    else if (lines !== undefined) this.allowance = new Allowance(lines, () => 1);
    this.doubtMs = needs.forwarding.doubtMs(options);
    this.done = this.run();
  }

  /** No line follows those that are in the log. */
  end(): void {
    this.over.resolve();
    this.ended.abort();
  }

  /** Ends where it is. What the remote has taken for sure is not sent again. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('the forwarding of a log was stopped'));
    await this.done;
  }

  private async run(): Promise<void> {
    const { forwarding, target, logger } = this.needs;
    const { waitMs, longestMs, tries } = forwarding.patience(target.options);
    const { signal } = this.stopping;
    this.saved = await readPosition(this.needs.log);
    this.dropped = this.saved.dropped;
    for (let failures = 0; !signal.aborted;) {
      const before = this.saved;
      try {
        if (await this.session()) return;
      } catch (error) {
        if (signal.aborted) return;
        if (this.saved.offset !== before.offset || this.saved.file !== before.file) failures = 0;
        if (failures++ === 0)
          logger.warn({ container: target.subject.id, driver: target.driver }, `lines of a log wait: ${errorText(error)}`);
        if (failures > tries) {
          await this.giveUp();
          failures = 0;
        }
        await this.rest(Math.min(waitMs * 1.5 ** (failures - 1), longestMs));
      }
    }
  }

  /** Between two tries. A removal may wait for what is left after the end: it is tried more often then. */
  private async rest(ms: number): Promise<void> {
    const { signal } = this.stopping;
    if (this.ended.signal.aborted) await pause(Math.min(ms, HURRY_MS), { signal });
    else await pause(ms, { signal: AbortSignal.any([signal, this.ended.signal]) });
  }

  /** One connection. True when nothing follows. */
  private async session(): Promise<boolean> {
    const { forwarding, target, connect } = this.needs;
    const { signal } = this.stopping;
    const sink = await (connect?.(signal) ?? forwarding.connect(target, signal));
    this.progress = sink.progress?.bind(sink);
    this.dropped = this.saved.dropped; // what was dropped behind it is looked at again
    let whole = false;
    let over = false;
    let left = false;
    try {
      over = await this.passOn(sink);
      whole = true;
    } catch (error) {
      whole = signal.aborted;
      throw error;
    } finally {
      this.saving?.cancel();
      this.saving = undefined;
      this.save(this.doubtMs);
      await sink.close(signal);
      // Closed in good order, the other side has all of it.
      if (whole) this.save(0);
      left = this.sent.length > 0;
      this.sent = [];
      await this.writing;
    }
    if (over && left) await Promise.race([sink.lost, Promise.reject(unavailable('the last lines were not taken'))]);
    return over;
  }

  /** True when nothing follows; false when it is time for another connection. */
  private async passOn(sink: LogSink): Promise<boolean> {
    const { log, target } = this.needs;
    const { signal } = this.stopping;
    const broken = new AbortController();
    const both = AbortSignal.any([signal, broken.signal]);
    let failure: unknown;
    sink.lost.catch((error: unknown) => {
      failure = error;
      broken.abort(error);
    });
    const partials = new Partials(target.subject.id, this.saved.parts);
    const from = this.saved;
    const numbers = new LineNumbers(log, from.lines);
    let sends = 0;
    for await (const chunk of readChunks(log, { starts: (files) => startsBehind(files, from), follow: this.over.promise, signal: both })) {
      this.drop(await this.number(numbers, chunk));
      const messages = linesOf(chunk)
        .map((line) => partials.message(line))
        .filter((message) => this.allows(message));
      if (messages.length > 0) {
        sends++;
        this.drop(await sink.send(messages, both));
      }
      const at = performance.now();
      if (this.progress === undefined) this.lastTaken = at; // a batch takes lines that nobody has yet
      const file = await this.places.nameOf(chunk.file);
      const position = { file, offset: chunk.end, lines: numbers.at, parts: partials.open, dropped: this.dropped };
      this.sent.push({ position, at, sends });
      this.saveLater();
      if (both.aborted) break;
      if (sink.expired?.() === true) return false;
    }
    if (failure !== undefined) throw failure as Error;
    signal.throwIfAborted();
    return true;
  }

  /** Counts a chunk's lines. Answers how many there had been before its file that nobody can read any more. */
  private async number(numbers: LineNumbers, chunk: Chunk): Promise<number> {
    const missing = chunk.end === chunk.data.length ? await numbers.begin(await this.places.nameOf(chunk.file)) : 0;
    numbers.read(countLines(chunk));
    return missing;
  }

  private allows(message: LogMessage): boolean {
    if (this.allowance?.takes(message) !== false) return true;
    this.drop(1);
    return false;
  }

  private drop(count: number): void {
    this.dropped += count;
  }

  private saveLater(): void {
    this.saving ??= after(SAVE_MS, () => {
      this.saving = undefined;
      this.save(this.doubtMs);
      if (this.sent.length > 0) this.saveLater();
    });
  }

  /** What lies longer than `doubtMs` with a connection that lives is taken. */
  private save(doubtMs: number): void {
    const limit = performance.now() - doubtMs;
    const { sends, refused } = this.progress?.() ?? { sends: Infinity, refused: 0 };
    const isSure = (entry: (typeof this.sent)[number] | undefined): boolean =>
      entry !== undefined && entry.at <= limit && entry.sends <= sends;
    let sure = 0;
    while (isSure(this.sent[sure])) sure++;
    const last = this.sent[sure - 1];
    if (last === undefined) return;
    this.sent.splice(0, sure);
    if (this.progress !== undefined) this.lastTaken = performance.now();
    this.write({ ...last.position, dropped: last.position.dropped + refused });
  }

  /** What waits now is dropped and counted: it was tried as often as the container's options say, or the container goes. Answers how many lines there were. */
  async giveUp(): Promise<number> {
    const { log } = this.needs;
    const numbers = new LineNumbers(log, this.saved.lines);
    let position = this.saved;
    let count = 0;
    const signal = new AbortController().signal;
    for await (const chunk of readChunks(log, { starts: (files) => startsBehind(files, this.saved), signal })) {
      count += (await this.number(numbers, chunk)) + countLines(chunk);
      position = { file: await this.places.nameOf(chunk.file), offset: chunk.end, lines: numbers.at, parts: {}, dropped: 0 };
    }
    this.write({ ...position, dropped: this.saved.dropped + count });
    await this.writing;
    return count;
  }

  private write(position: Position): void {
    if (position.dropped > this.saved.dropped) {
      this.needs.dropped(position.dropped - this.saved.dropped);
      this.tellDropped(position.dropped);
    }
    this.saved = position;
    this.writing = this.writing.then(() => writePosition(this.needs.log, position));
    this.writing.catch((error: unknown) =>
      this.needs.logger.warn({ err: error }, `the position in a log cannot be kept: ${errorText(error)}`),
    );
  }

  private tellDropped(dropped: number): void {
    const { target, logger } = this.needs;
    if (performance.now() - this.told < TELL_MS) return;
    this.told = performance.now();
    logger.warn({ container: target.subject.id, driver: target.driver, dropped }, `${dropped} lines of a log were not passed on`);
  }
}
