import { connect, createServer, type Server } from 'node:net';
import { errorText, internal } from '@gantry/rpc/errors';
import type { Protocol } from './caller';

/** What `start` and `delete` ask of the shim: one line of JSON each way. */
export interface ControlRequest {
  /** expect: a task with this id will be created, so do not leave. delete: kill and forget it, whatever it does. */
  readonly op: 'expect' | 'delete';
  readonly namespace: string;
  readonly id: string;
}

export interface ControlAnswer {
  readonly ok: boolean;
  /** The shim is about to end; another must be started. */
  readonly leaving?: boolean;
  readonly error?: string;
  /** To expect: what the configuration wants bootstrap parameters to name. */
  readonly protocol?: Protocol;
  readonly pid?: number;
  readonly exitCode?: number;
  /** RFC 3339. */
  readonly exitedAt?: string;
}

const LINE_MAX = 4096;

/** The answer, or undefined when nobody listens. */
export function askShim(path: string, request: ControlRequest): Promise<ControlAnswer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (part: string) => (text += part));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '')) resolve(undefined);
      else reject(internal(`cannot ask the shim on ${path}: ${errorText(error)}`, { cause: error }));
    });
    socket.on('close', () => {
      if (text === '')
        resolve(undefined); // it ended meanwhile
      else resolve(JSON.parse(text) as ControlAnswer);
    });
    socket.write(`${JSON.stringify(request)}\n`);
  });
}

/** Serves the other end. */
export function controlServer(handle: (request: ControlRequest) => Promise<ControlAnswer>): Server {
  return createServer((socket) => {
    let text = '';
    socket.setEncoding('utf8');
    socket.on('error', () => undefined);
    socket.on('data', (part: string) => {
      text += part;
      const end = text.indexOf('\n');
      if (end < 0 && text.length <= LINE_MAX) return;
      socket.pause();
      void (async () => {
        const answer = await handle(JSON.parse(text.slice(0, end)) as ControlRequest).catch((error: unknown): ControlAnswer => ({
          ok: false,
          error: errorText(error),
        }));
        socket.end(`${JSON.stringify(answer)}\n`);
      })().catch(() => socket.destroy());
    });
  });
}
