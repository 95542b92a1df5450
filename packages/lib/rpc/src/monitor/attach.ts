import { connect, type Socket } from 'node:net';
import { internal, unavailable } from '../errors';

/** Which streams a client wants. */
export interface MonitorWish {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** The process ends when the connection does. */
  readonly hold?: boolean | undefined;
}

export interface Attached {
  /** Output comes out of it, in frames unless it is a terminal's; what is written to it is input, and its half-close is input's end. */
  readonly socket: Socket;
  readonly tty: boolean;
}

/** Longest handshake, milliseconds: the monitor answers at once or is stuck. */
const HANDSHAKE_MS = 5000;
const REPLY_LIMIT = 4096;

/** Connects to the monitor of a task or an exec (packages/native/monitor). A signal cuts the connection whenever it is aborted. Errors: unavailable, internal. */
export async function attachMonitor(
  path: string,
  { stdin, stdout, stderr, hold = false }: MonitorWish,
  signal?: AbortSignal,
): Promise<Attached> {
  const socket = connect({ path, allowHalfOpen: true });
  // Not by connect's own signal: at the end of each call it would make an error that nobody reads, stack and all.
  const leave = (): void => void socket.destroy();
  signal?.addEventListener('abort', leave, { once: true });
  socket.once('close', () => signal?.removeEventListener('abort', leave));
  if (signal?.aborted === true) leave();
  try {
    const reply = await handshake(socket, `${JSON.stringify({ op: 'attach', stdin, stdout, stderr, ...(hold ? { hold } : {}) })}\n`);
    if (!reply.ok) throw internal(`the monitor refused to attach: ${reply.error ?? 'no reason given'}`);
    socket.on('error', () => undefined); // its end tells enough
    return { socket, tty: reply.tty === true };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

interface Reply {
  readonly ok: boolean;
  readonly tty?: boolean;
  readonly error?: string;
}

function handshake(socket: Socket, line: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const timer = setTimeout(() => finish(() => reject(unavailable('the monitor does not answer'))), HANDSHAKE_MS);
    const finish = (act: () => void): void => {
      clearTimeout(timer);
      socket.pause();
      socket.off('data', onData).off('error', onError).off('end', onEnd).off('close', onEnd);
      act();
    };
    const onError = (error: Error): void => finish(() => reject(unavailable('the monitor is gone', { cause: error })));
    const onEnd = (): void => finish(() => reject(unavailable('the monitor is gone')));
    const onData = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf(0x0a);
      if (end < 0 && received.length <= REPLY_LIMIT) return;
      finish(() => {
        const rest = received.subarray(end + 1);
        if (end >= 0 && rest.length > 0) socket.unshift(rest);
        parse(end < 0 ? '' : received.toString('utf8', 0, end), resolve, reject);
      });
    };
    socket.on('data', onData).on('error', onError).on('end', onEnd).on('close', onEnd);
    socket.write(line);
  });
}

function parse(line: string, resolve: (reply: Reply) => void, reject: (error: Error) => void): void {
  try {
    resolve(JSON.parse(line) as Reply);
  } catch (error) {
    reject(internal('the monitor answered nonsense', { cause: error }));
  }
}
