import { errorText, type Logger, pause } from '@gantry/rpc';
import type { LogSink, LogSurroundings, LogTarget } from '../drivers/driver';
import { type PluginReader, pluginReader } from '../drivers/plugin/read';
import { driverOf } from '../drivers/table';
import { Forwarder } from './forwarder';
import { readTarget, removeTarget, writeTarget } from './target';

export interface ForwardersNeeds {
  /** Path of a container's log. */
  readonly log: (id: string) => string;
  readonly logger: Logger;
  /** Counts lines of a driver that were given up. */
  readonly dropped: (driver: string, count: number) => void;
  readonly surroundings: LogSurroundings;
}

/** Milliseconds for which a removal waits for a remote that takes nothing. */
const IDLE_MS = 2000;

/**
 * Passes the lines of containers on to where their log drivers say, one forwarder a container. What it needs lies beside the log, so that a
 * new process goes on where the last one was killed.
 */
export class LogForwarders {
  private readonly running = new Map<string, Forwarder>();
  /** Latest call for a container: they follow one another. */
  private readonly turns = new Map<string, Promise<void>>();
  /** Connections that starts have dialled, until their forwarders take them. */
  private readonly dialled = new Map<string, LogSink>();
  private closed = false;

  constructor(private readonly needs: ForwardersNeeds) {}

  /**
   * Before a start. With `dial` it throws, in dockerd's words, when nobody takes the lines; a restart by policy waits for the remote instead.
   */
  async prepare(id: string, target: LogTarget | undefined, dial: boolean): Promise<void> {
    const log = this.needs.log(id);
    const forwarding = target === undefined ? undefined : driverOf(target.driver)?.forwarding;
    await this.hangUp(id);
    if (target === undefined || forwarding === undefined) return removeTarget(log);
    if (dial && forwarding.dialsAtStart(target.options)) {
      const sink = await forwarding.connect(target, new AbortController().signal, this.needs.surroundings);
      if (forwarding.keepsDialled === true) this.dialled.set(id, sink);
      else await sink.close();
    }
    writeTarget(log, target);
  }

  /** Begins, or goes on, with a container that has a target. One that does not run is passed on to its end only. */
  begin(id: string, runs: boolean): void {
    this.turn(id, async () => {
      await this.running.get(id)?.stop();
      const target = this.closed ? undefined : readTarget(this.needs.log(id));
      const forwarding = target === undefined ? undefined : driverOf(target.driver)?.forwarding;
      if (target === undefined || forwarding === undefined) return;
      const forwarder = new Forwarder({
        log: this.needs.log(id),
        target,
        connect: (signal) => this.connection(id, () => forwarding.connect(target, signal, this.needs.surroundings)),
        forwarding,
        logger: this.needs.logger,
        dropped: (count) => this.needs.dropped(target.driver, count),
      });
      this.running.set(id, forwarder);
      if (!runs) forwarder.end();
      const gone = (): void => {
        if (this.running.get(id) === forwarder) this.running.delete(id);
      };
      forwarder.done.then(gone, (error: unknown) => {
        this.needs.logger.error({ err: error, container: id }, `a log is passed on no more: ${errorText(error)}`);
        gone();
      });
    });
  }

  /** How the lines are read back where a plugin keeps them itself; undefined: our own file has them. */
  async readerOf(id: string): Promise<PluginReader | undefined> {
    const target = readTarget(this.needs.log(id));
    return target?.info === undefined ? undefined : pluginReader(target, this.needs.surroundings);
  }

  /** The container's output has ended. */
  ended(id: string): void {
    this.turn(id, () => {
      this.running.get(id)?.end();
      return Promise.resolve();
    });
  }

  /** Before a removal: waits until all is passed on, but not for a remote that takes nothing. */
  async finish(id: string): Promise<void> {
    await this.turns.get(id);
    await this.hangUp(id);
    const forwarder = this.running.get(id);
    if (forwarder === undefined) return;
    forwarder.end();
    const began = performance.now();
    while (this.running.get(id) === forwarder && performance.now() - Math.max(began, forwarder.lastTaken) < IDLE_MS)
      await Promise.race([forwarder.done.catch(() => undefined), pause(100)]);
    const stuck = this.running.get(id) === forwarder;
    await forwarder.stop().catch(() => undefined);
    if (!stuck) return;
    const dropped = await forwarder.giveUp().catch(() => undefined);
    this.needs.logger.warn({ container: id, dropped }, 'a container is removed with lines that its log driver did not take');
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.turns.values());
    await Promise.all([...this.dialled.keys()].map((id) => this.hangUp(id)));
    await Promise.all([...this.running.values()].map((forwarder) => forwarder.stop().catch(() => undefined)));
  }

  /** The one that a start has dialled, or a new one. */
  private async connection(id: string, dial: () => Promise<LogSink>): Promise<LogSink> {
    const sink = this.dialled.get(id);
    this.dialled.delete(id);
    return sink ?? dial();
  }

  /** Of a start that came to nothing. */
  private async hangUp(id: string): Promise<void> {
    const sink = this.dialled.get(id);
    this.dialled.delete(id);
    await sink?.close().catch(() => undefined);
  }

  private turn(id: string, work: () => Promise<void>): void {
    const turn = (this.turns.get(id) ?? Promise.resolve()).then(work).catch((error: unknown) => {
      this.needs.logger.error({ err: error, container: id }, `a log is not passed on: ${errorText(error)}`);
    });
    this.turns.set(id, turn);
    void turn.then(() => {
      if (this.turns.get(id) === turn) this.turns.delete(id);
    });
  }
}
