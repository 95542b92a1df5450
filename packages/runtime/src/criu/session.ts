import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { failedPrecondition, internal, notImplemented } from '@gantry/rpc/errors';
import { decodeAnswer, encodeNotified, encodeRequest, type CriuAnswer, type CriuOptions, type RequestType } from './messages';

export interface CriuPlace {
  /** The C program. */
  readonly native: string;
  /** Name or path of criu. */
  readonly program: string;
  /** Existing directories. */
  readonly images: string;
  readonly work: string;
  readonly logFile: string;
  readonly consoleSocket?: string;
  /** Descriptors of ours for criu, from MORE_FD on. */
  readonly more?: readonly number[];
}

/** Descriptors of our child, as criu finds them. */
export const IMAGES_FD = 3;
export const WORK_FD = 4;
export const MORE_FD = 6;

/** One criu, for one request. It ends with leave(), or by kill(). */
export class CriuSession {
  private readonly child;
  private readonly control: Duplex;
  private readonly frames: { letter: string; bytes: Buffer }[] = [];
  private wake: () => void = () => undefined;
  private ended = false;
  readonly exit: Promise<number>;

  constructor(private readonly place: CriuPlace) {
    const images = openSync(place.images, 'r');
    const work = openSync(place.work, 'r');
    this.child = spawn(place.native, ['criu', place.program, ...(place.consoleSocket ? [place.consoleSocket] : [])], {
      stdio: [0, 1, 2, images, work, 'pipe', ...(place.more ?? [])],
    });
    closeSync(images);
    closeSync(work);
    this.control = (this.child.stdio as readonly unknown[])[5] as Duplex;
    this.control.on('error', () => undefined); /* its end is told by the child's */
    let rest = Buffer.alloc(0);
    this.control.on('data', (data: Buffer) => {
      rest = Buffer.concat([rest, data]);
      while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE(0)) {
        const size = rest.readUInt32LE(0);
        this.frames.push({ letter: String.fromCharCode(rest[4] ?? 0), bytes: rest.subarray(5, 4 + size) });
        rest = rest.subarray(4 + size);
      }
      this.wake();
    });
    this.exit = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code) => {
        this.ended = true;
        this.wake();
        resolve(code ?? 125);
      });
    });
    this.exit.catch(() => undefined);
  }

  /** Process id of criu: what it restores begins in its cgroups. Throws notImplemented when there is no criu. */
  async pid(): Promise<number> {
    const frame = await this.next();
    if (frame?.letter !== 'P') throw internal('the launcher of criu ended');
    return frame.bytes.readInt32LE(0);
  }

  /** Sends a request and answers its notifications until its result is there. `notified` may throw to stop it. */
  async request(
    type: RequestType,
    options: CriuOptions,
    notified: (script: string, pid: number) => Promise<void> | void,
  ): Promise<CriuAnswer> {
    this.send('M', encodeRequest(type, options));
    for (;;) {
      const frame = await this.next();
      if (frame === undefined || frame.letter === 'E') throw this.gone(frame?.bytes.readInt32LE(0) ?? 125);
      const answer = decodeAnswer(frame.bytes);
      if (!answer.notify) {
        if (!answer.success)
          throw failedPrecondition(
            `criu failed: type ${type} errno ${answer.errno}${answer.message ? `: ${answer.message.trim()}` : ''}: ${this.lastError()}`,
          );
        return answer;
      }
      await notified(answer.notify.script, answer.notify.pid);
      this.send('M', encodeNotified(true));
    }
  }

  /** Becomes the parent that waits for the restored process; answers its status. */
  waitFor(pid: number): Promise<number> {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(pid);
    this.send('W', bytes);
    return this.exit;
  }

  /** Ends criu and all that it started, whatever they are at. Resolves when they are gone. */
  async kill(): Promise<void> {
    this.control.destroy();
    await this.exit;
  }

  async leave(): Promise<void> {
    if (!this.ended) this.send('L', Buffer.alloc(0));
    await this.exit;
  }

  private gone(status: number): Error {
    return status === 127
      ? notImplemented(`checkpoint and restore need criu: "${this.place.program}" is not installed`)
      : internal(`criu ended with ${status}: ${this.lastError()}`);
  }

  /** What its log says last about an error. */
  private lastError(): string {
    try {
      const lines = readFileSync(join(this.place.work, this.place.logFile), 'utf8')
        .split('\n')
        .filter((line) => line.includes('Error'));
      return `${lines.slice(-3).join('; ')} (log ${join(this.place.work, this.place.logFile)})`;
    } catch {
      return 'it wrote no log';
    }
  }

  private send(letter: string, bytes: Uint8Array): void {
    const head = Buffer.alloc(5);
    head.writeUInt32LE(bytes.length + 1);
    head.write(letter, 4);
    this.control.write(Buffer.concat([head, bytes]));
  }

  private async next(): Promise<{ letter: string; bytes: Buffer } | undefined> {
    while (this.frames.length === 0 && !this.ended)
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    return this.frames.shift();
  }
}
