import type { Plugins } from '@gantry/service/plugins';
import type { LogOptions } from '../options/cache';
import type { FileRules, LogBound } from '../options/file';
import type { PluginLogInfo } from './plugin/info';

/** One line of a container's output as a driver takes it. */
export interface LogMessage {
  readonly stream: 'stdout' | 'stderr';
  /** Without its newline. */
  readonly line: string;
  /** RFC 3339 with up to nanoseconds; of a line in parts, that of its first. */
  readonly time: string;
  /** A part of a line that is longer than 16 KiB, or that an end of the output cut off. */
  readonly partial?: { readonly id: string; readonly ordinal: number; readonly last: boolean };
}

/** What a driver may tell of a container, settled at its start. */
export interface LogSubject {
  readonly id: string;
  readonly name: string;
  readonly imageId: string;
  readonly imageName: string;
  readonly command: string;
  readonly created: string;
  readonly tag: string;
  /** Labels and environment that the options name. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Where lines go, as it is kept beside the log. */
export interface LogTarget {
  readonly driver: string;
  readonly options: LogOptions;
  readonly subject: LogSubject;
  /** What a driver is told that is another program. */
  readonly info?: PluginLogInfo;
}

/** What drivers find around them. */
export interface LogSurroundings {
  /** Docker's plugins. */
  readonly plugins: Pick<Plugins, 'get'>;
  /** Folder of the FIFOs that log plugins read. */
  readonly fifos: string;
}

/**
 * A connection to what takes lines, for one container.
 *
 * ```ts
 * const sink = await driver.connect(target, signal);
 * await sink.send(messages); // in order, one call at a time
 * await sink.close();
 * ```
 */
export interface LogSink {
  /**
   * Settles when all are taken, with how many of them the protocol cannot carry. Rejects when the connection is of no use any more: the
   * caller connects again and sends again.
   */
  send(messages: readonly LogMessage[], signal: AbortSignal): Promise<number>;
  /** How far it came, where `send` settles before the other side has the lines: they go in batches, or wait for what belongs to them. */
  progress?(): LogProgress;
  /** Rejects as soon as the other side is gone, also while nothing is sent. Never resolves. */
  readonly lost: Promise<never>;
  /** It is time for a new connection, whatever the state of this one. */
  expired?(): boolean;
  /** What was sent is passed on before it answers, as far as `progress` tells then. Nobody waits for long once the signal is raised. */
  close(signal?: AbortSignal): Promise<void>;
}

export interface LogProgress {
  /** Calls of `send`, from the first one on, whose lines the other side has. */
  readonly sends: number;
  /** Lines of them that it refused for good. */
  readonly refused: number;
}

/** How often and how long a remote is tried. */
export interface Patience {
  readonly waitMs: number;
  readonly longestMs: number;
  /** Tries after which what waits is given up and counted; infinite unless the container's options say otherwise. */
  readonly tries: number;
}

/** Passes lines on to others, who speak their own protocol. */
export interface Forwarding {
  /** Dials. Throws in dockerd's words. Drivers that are other programs need surroundings. */
  connect(target: LogTarget, signal: AbortSignal, surroundings?: LogSurroundings): Promise<LogSink>;
  /** Milliseconds for which what was sent may still be lost with its connection; 0 where the other side confirms. */
  doubtMs(options: LogOptions): number;
  /** A start is refused when nobody answers. */
  dialsAtStart(options: LogOptions): boolean;
  /** The connection that a start has dialled is the one that is used: the other side sees each. */
  readonly keepsDialled?: boolean;
  /** The target has all that is known of the container. */
  readonly tellsAll?: boolean;
  patience(options: LogOptions): Patience;
  /** Template of the tag where the options have none; the short id otherwise. */
  readonly tag?: string;
  /** Lines that may wait where the options of the driver itself say that the container never does. */
  buffer?(options: LogOptions): number | undefined;
}

/** A log driver by its name. */
export interface LogDriver {
  /** Throws invalidArgument for options that are not its own, or whose values are told to be wrong when the container is made. */
  validate(options: LogOptions): void;
  /** The files in which the monitor keeps the lines. Throws invalidArgument for values that are told to be wrong at the start. */
  files(options: LogOptions, bound?: LogBound): FileRules;
  /** Labels, environment and tag are written with each line. */
  readonly attributesInFile: boolean;
  readonly forwarding?: Forwarding;
  /** `docker logs` reads the lines back. */
  isReadable(options: LogOptions): boolean;
}
