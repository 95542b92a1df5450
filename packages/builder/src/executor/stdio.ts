import { Socket } from 'node:net';
import { AT, O, S, syscalls } from '@gantry/linux';
import type { ProcessWish } from './executor';
import type { Place } from './place';

const noDevice = { major: 0, minor: 0 };

/** The FIFOs of one process, as containerd's clients have them. */
export class Stdio {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  private readonly fds: { stdin?: number; stdout?: number; stderr?: number } = {};
  private readonly outputs: Socket[] = [];
  private input: Socket | undefined;
  private copied: Promise<unknown> = Promise.resolve();

  private constructor(
    place: Place,
    private readonly process: ProcessWish,
  ) {
    this.stdin = process.stdin === undefined ? '' : place.path('stdin');
    this.stdout = place.path('stdout');
    this.stderr = process.tty ? '' : place.path('stderr');
  }

  /** Makes them and opens our ends, which waits for nobody. */
  static open(place: Place, process: ProcessWish): Stdio {
    const stdio = new Stdio(place, process);
    for (const path of [stdio.stdin, stdio.stdout, stdio.stderr])
      if (path !== '') syscalls.mknodat(AT.FDCWD, path, S.IFIFO | 0o600, noDevice);
    const reading = O.RDONLY | O.NONBLOCK;
    stdio.fds.stdout = syscalls.openat(AT.FDCWD, stdio.stdout, reading);
    if (stdio.stderr !== '') stdio.fds.stderr = syscalls.openat(AT.FDCWD, stdio.stderr, reading);
    // For both, so that what is written before somebody reads is kept.
    if (stdio.stdin !== '') stdio.fds.stdin = syscalls.openat(AT.FDCWD, stdio.stdin, O.RDWR | O.NONBLOCK);
    return stdio;
  }

  /** Once the task is made, and holds the other ends: before that a read would find the end. */
  copyOutputs(): void {
    const copies = ([1, 2] as const).flatMap((stream) => {
      const name = stream === 1 ? 'stdout' : 'stderr';
      const fd = this.fds[name];
      if (fd === undefined) return [];
      delete this.fds[name];
      const socket = new Socket({ fd, readable: true, writable: false });
      this.outputs.push(socket);
      return [copy(socket, (chunk) => this.process.output(stream, chunk))];
    });
    this.copied = Promise.all(copies);
  }

  /** Once the process runs. `ended` is told when the source has ended and all of it is written. */
  copyInput(ended: () => void): void {
    const { stdin } = this.process;
    const fd = this.fds.stdin;
    if (stdin === undefined || fd === undefined) return;
    delete this.fds.stdin;
    const socket = new Socket({ fd, readable: false, writable: true });
    this.input = socket;
    socket.on('error', () => undefined); // nobody reads any more: the process has ended
    socket.once('close', ended);
    stdin.once('error', () => socket.end());
    stdin.pipe(socket);
  }

  /** All output is taken. */
  drained(): Promise<unknown> {
    return this.copied;
  }

  /** Closes what is open, whatever is still to come. */
  close(): void {
    if (this.input !== undefined) {
      this.process.stdin?.unpipe(this.input);
      this.input.destroy();
    }
    for (const socket of this.outputs) socket.destroy();
    for (const fd of Object.values(this.fds)) syscalls.close(fd as number);
  }
}

/** Chunk after chunk until the end. A taker that fails is told no more, and the rest is read all the same: the process must not wait for it. */
function copy(from: Socket, take: (chunk: Buffer) => void | Promise<void>): Promise<void> {
  let gone = false;
  const taken = async (chunk: Buffer): Promise<void> => {
    try {
      await take(chunk);
    } catch {
      gone = true;
    }
  };
  return new Promise((resolve) => {
    from.on('data', (chunk: Buffer) => {
      if (gone) return;
      from.pause();
      void taken(chunk).then(() => from.resume());
    });
    from.on('error', () => undefined);
    from.once('close', () => resolve());
  });
}
