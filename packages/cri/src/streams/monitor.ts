import { connect, type Socket } from 'node:net';
import { internal, unavailable } from '@gantry/rpc';

/** Milliseconds for an answer: a monitor answers at once, or is stuck. */
const HANDSHAKE_MS = 5000;
const REPLY_LIMIT = 4096;

export interface Attached {
  /** Output comes out of it, in docker's frames unless it is a terminal's; what is written to it is input, and its half-close is input's end. */
  readonly socket: Socket;
  readonly tty: boolean;
}

/** Connects to the monitor of a process. Errors: unavailable, internal. */
export async function attachMonitor(
  path: string,
  wish: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean },
): Promise<Attached> {
  const socket = connect({ path, allowHalfOpen: true });
  try {
    const { stdin, stdout, stderr } = wish;
    socket.write(`${JSON.stringify({ op: 'attach', stdin, stdout, stderr })}\n`);
    const line = await firstLine(socket);
    const reply = JSON.parse(line) as { readonly ok?: boolean; readonly tty?: boolean; readonly error?: string };
    if (reply.ok !== true) throw internal(`the monitor refused to attach: ${reply.error ?? 'no reason given'}`);
    socket.on('error', () => undefined); // its end tells enough
    return { socket, tty: reply.tty === true };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** What comes behind the line is left in the socket. */
function firstLine(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const timer = setTimeout(() => done(() => reject(unavailable('the monitor does not answer'))), HANDSHAKE_MS);
    const gone = (cause?: Error): void => done(() => reject(unavailable('the monitor is gone', { cause })));
    const more = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf('\n');
      if (end < 0 && received.length > REPLY_LIMIT) return done(() => reject(internal('the monitor answered nonsense')));
      if (end < 0) return;
      done(() => {
        if (received.length > end + 1) socket.unshift(received.subarray(end + 1));
        resolve(received.toString('utf8', 0, end));
      });
    };
    const ended = (): void => gone();
    const done = (act: () => void): void => {
      clearTimeout(timer);
      socket.pause();
      socket.off('data', more).off('error', gone).off('end', ended);
      act();
    };
    socket.on('data', more).on('error', gone).on('end', ended);
  });
}
