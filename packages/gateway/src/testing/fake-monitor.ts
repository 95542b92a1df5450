import { createServer, type Server, type Socket } from 'node:net';
import { frame } from '../streams/frames';

export interface FakeProcess {
  readonly tty: boolean;
  /** Called when somebody attached and the process was started. */
  readonly run: (io: FakeIo) => Promise<number> | number;
}

export interface FakeIo {
  stdout(text: string): void;
  stderr(text: string): void;
  /** All of stdin, at its end. */
  readonly stdin: Promise<string>;
  /** Each piece of stdin as it comes. */
  onInput(listener: (chunk: Buffer) => void): void;
  readonly socket: Socket;
}

/** A task's monitor: one unix socket that answers attach and then carries a scripted process's bytes. */
export class FakeMonitor {
  private readonly server: Server;
  private client: Socket | undefined;
  private readonly attached = Promise.withResolvers<FakeIo>();
  readonly requests: Record<string, unknown>[] = [];
  /** Bytes that clients sent after the handshake, and whether they half-closed. */
  ended = false;

  constructor(
    readonly path: string,
    private readonly process: FakeProcess,
  ) {
    this.server = createServer({ allowHalfOpen: true }, (socket) => this.accept(socket));
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.server.listen(this.path, resolve));
  }

  close(): void {
    this.client?.destroy();
    this.server.close();
  }

  /** Runs the process to its end and closes the stream. */
  async start(): Promise<number> {
    const io = await this.attached.promise;
    const code = await this.process.run(io);
    io.socket.end();
    return code;
  }

  private accept(socket: Socket): void {
    this.client = socket;
    socket.on('error', () => undefined);
    let head = '';
    const onHead = (chunk: Buffer): void => {
      head += chunk.toString();
      const end = head.indexOf('\n');
      if (end < 0) return;
      socket.off('data', onHead);
      this.requests.push(JSON.parse(head.slice(0, end)) as Record<string, unknown>);
      socket.write(`${JSON.stringify({ ok: true, tty: this.process.tty })}\n`);
      this.attached.resolve(this.io(socket, head.slice(end + 1)));
    };
    socket.on('data', onHead);
  }

  private io(socket: Socket, early: string): FakeIo {
    let text = early;
    const listeners: ((chunk: Buffer) => void)[] = [];
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      for (const listener of listeners) listener(chunk);
    });
    const stdin = new Promise<string>((resolve) => {
      socket.on('end', () => {
        this.ended = true;
        resolve(text);
      });
      socket.on('close', () => resolve(text));
    });
    const write = (stream: 1 | 2, payload: string): void => {
      socket.write(this.process.tty ? payload : frame(stream, Buffer.from(payload)));
    };
    return {
      stdout: (payload) => write(1, payload),
      stderr: (payload) => write(2, payload),
      stdin,
      onInput: (listener) => listeners.push(listener),
      socket,
    };
  }
}
