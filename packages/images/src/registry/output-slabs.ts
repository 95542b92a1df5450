import { Socket, type SocketConstructorOpts } from 'node:net';
import { AF, SOCK, syscalls } from '@gantry/linux';

/** What is read at once; it is copied on, and used again for the next read. */
const LANDING = 256 << 10;
const SLAB = 1 << 20;
/** Two are with the reader, one is ready, one is filled. */
const SLABS = 4;
const WITH_READER = 2;

/**
 * A program's output in large parts out of memory that is used again: Node makes a buffer of 64 KiB for each read otherwise, and V8 answers every 64 MiB of those
 * with a look at the whole heap. A part is its reader's until it asks for the second next one: a stream that sends it has sent it by then.
 */
export class OutputSlabs {
  /** The program's end: to be handed to it, and closed by `given` when it has it. */
  readonly descriptor: number;
  private readonly socket: Socket;
  private readonly free: Buffer[] = [];
  private made = 0;
  private readonly ready: Buffer[] = [];
  private readonly lent: Buffer[] = [];
  private filling: { readonly slab: Buffer; filled: number } | undefined;
  private paused = false;
  private ended = false;
  private wake: (() => void) | undefined;

  constructor() {
    const [ours, theirs] = syscalls.socketpair(AF.UNIX, SOCK.STREAM, 0);
    this.descriptor = theirs;
    const callback = (count: number, bytes: Uint8Array): boolean => this.take(bytes.subarray(0, count));
    const onread = { buffer: Buffer.allocUnsafeSlow(LANDING), callback };
    this.socket = new Socket({ fd: ours, readable: true, writable: false, onread } as SocketConstructorOpts);
    const end = (): void => {
      this.ended = true;
      this.wake?.();
    };
    this.socket.once('end', end).once('close', end).on('error', end);
  }

  /** The program was started. */
  given(): void {
    syscalls.close(this.descriptor);
    this.socket.resume();
  }

  /** To the end of the output, whatever that means: the program's exit says it. */
  async *parts(): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.lent.length === WITH_READER) this.free.push(this.lent.shift() as Buffer);
      if (this.paused && this.room()) {
        this.paused = false;
        this.socket.resume();
      }
      while (this.ready.length === 0 && !this.ended) await new Promise<void>((resolve) => (this.wake = resolve));
      const full = this.ready.shift();
      if (full !== undefined) {
        this.lent.push(full);
        yield full;
        continue;
      }
      if (this.filling === undefined) return;
      const { slab, filled } = this.filling;
      this.filling = undefined;
      yield slab.subarray(0, filled);
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private take(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length;) {
      this.filling ??= { slab: this.slab(), filled: 0 };
      const { slab, filled } = this.filling;
      const count = Math.min(SLAB - filled, bytes.length - at);
      slab.set(bytes.subarray(at, at + count), filled);
      this.filling.filled += count;
      at += count;
      if (this.filling.filled < SLAB) continue;
      this.ready.push(slab);
      this.filling = undefined;
      this.wake?.();
    }
    this.paused = !this.room();
    return !this.paused;
  }

  private slab(): Buffer {
    const free = this.free.pop();
    if (free !== undefined) return free;
    this.made++;
    return Buffer.allocUnsafeSlow(SLAB);
  }

  /** Whether as much again can be taken as one read brings. */
  private room(): boolean {
    const left = this.filling === undefined ? 0 : SLAB - this.filling.filled;
    return left >= LANDING || this.free.length > 0 || this.made < SLABS;
  }
}
