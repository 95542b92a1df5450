import type { Socket } from 'node:net';
import { internal } from '@gantry/rpc/errors';

/** From the planner: that it begins with the call, output, a launch, its start, leave to wait for it, exit status. To it: the call, what became of a launch. */
export type FrameType = 'H' | 'O' | 'E' | 'L' | 'S' | 'W' | 'X' | 'R' | 'A';

export interface Frame {
  readonly type: string;
  readonly bytes: Buffer;
}

const HEAD = 5;
const LARGEST = 64 * 2 ** 20;

/** Frames over a stream socket, as packages/native/cli/conversation.h lays them out. */
export class Frames {
  #have: Buffer = Buffer.alloc(0);
  readonly #ready: Frame[] = [];
  #waiting: { resolve: (frame: Frame) => void; reject: (error: Error) => void } | undefined;
  #end: Error | undefined;

  constructor(private readonly socket: Socket) {
    socket.on('data', (data) => {
      this.#take(data);
    });
    socket.on('error', () => undefined); // told by its close
    socket.on('close', () => {
      this.#fail(internal('the caller is gone'));
    });
  }

  send(type: FrameType, bytes: Uint8Array = Buffer.alloc(0)): void {
    const head = Buffer.alloc(HEAD);
    head.write(type, 'latin1');
    head.writeUInt32LE(bytes.length, 1);
    this.socket.write(Buffer.concat([head, bytes]));
  }

  /** The next frame; rejects when the caller is gone. */
  next(): Promise<Frame> {
    const frame = this.#ready.shift();
    if (frame) return Promise.resolve(frame);
    if (this.#end) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #take(data: Buffer): void {
    this.#have = Buffer.concat([this.#have, data]);
    while (this.#have.length >= HEAD) {
      const length = this.#have.readUInt32LE(1);
      if (length > LARGEST) {
        this.#fail(internal(`a frame of ${length} bytes`));
        this.socket.destroy();
        return;
      }
      if (this.#have.length < HEAD + length) return;
      this.#deliver({ type: this.#have.toString('latin1', 0, 1), bytes: this.#have.subarray(HEAD, HEAD + length) });
      this.#have = this.#have.subarray(HEAD + length);
    }
  }

  #deliver(frame: Frame): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting.resolve(frame);
    else this.#ready.push(frame);
  }

  #fail(error: Error): void {
    this.#end ??= error;
    this.#waiting?.reject(this.#end);
    this.#waiting = undefined;
  }
}
