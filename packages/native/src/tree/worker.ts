import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { GantryError, internal } from '@gantry/rpc/errors';
import { treeFailure } from '../tree-outcome';

/** One process of mode `tree`: a request at a time. */
export class TreeWorker {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly received: Buffer[] = [];
  private size = 0;
  private waiting: PromiseWithResolvers<Buffer> | undefined;
  private over = false;

  constructor(program: string) {
    this.child = spawn(program, ['tree'], { stdio: ['pipe', 'pipe', 'ignore'], env: {} });
    this.child.stdin.on('error', () => undefined); // its end says more
    this.child.stdout.on('data', (part: Buffer) => this.take(part));
    this.child.once('error', (cause) => this.end(`tree program: ${cause.message}`, cause));
    this.child.once('close', (code, signal) => this.end(`tree program ended with ${signal ?? String(code)}`));
    this.idle();
  }

  get alive(): boolean {
    return !this.over;
  }

  ask(request: Buffer): Promise<Buffer> {
    this.waiting = Promise.withResolvers<Buffer>();
    if (this.over) this.end('tree program is gone');
    else {
      this.child.ref();
      this.hold(true);
      this.child.stdin.write(request);
    }
    return this.waiting.promise;
  }

  close(): void {
    this.child.stdin.end();
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** An idle worker keeps no process alive that has nothing else to do. */
  private idle(): void {
    this.child.unref();
    this.hold(false);
  }

  private hold(held: boolean): void {
    for (const stream of [this.child.stdin, this.child.stdout] as unknown as { ref?(): void; unref?(): void }[]) {
      if (held) stream.ref?.();
      else stream.unref?.();
    }
  }

  private take(part: Buffer): void {
    this.received.push(part);
    this.size += part.length;
    if (this.size < 5) return;
    const all = this.received.length === 1 ? part : Buffer.concat(this.received);
    this.received.splice(0, this.received.length, all);
    const length = all.readUInt32LE(0);
    if (all.length < length + 4) return;
    this.received.length = 0;
    this.size = 0;
    const { waiting } = this;
    this.waiting = undefined;
    this.idle();
    const body = all.subarray(5, 4 + length);
    if (all[4] === 0x4f) waiting?.resolve(body);
    else waiting?.reject(failed(body.toString('latin1')));
  }

  private end(why: string, cause?: unknown): void {
    this.over = true;
    this.waiting?.reject(internal(why, cause === undefined ? {} : { cause }));
    this.waiting = undefined;
  }
}

/** The work came as far as the text before the last line says: `done` of the error's meta, for a plan the number of operations. */
function failed(text: string): GantryError {
  const failure = treeFailure(text, 'a failure');
  const done = parseInt(text, 10);
  return Number.isNaN(done) ? failure : new GantryError(failure.kind, failure.message, { meta: { done } });
}
