import { connect, type Socket } from 'node:net';

/** A client attached to a monitor, as the gateway is one. */
export interface MonitorClient {
  readonly tty: boolean;
  write(data: string): void;
  /** Closes stdin. */
  end(): void;
  destroy(): void;
  /** Reads nothing more until `resume`. */
  pause(): void;
  resume(): void;
  /** All output, once the monitor has closed the connection: [stdout, stderr]; a terminal's is all stdout. */
  readonly output: Promise<[string, string]>;
  /** Resolves when stdout so far contains the text. */
  seen(text: string): Promise<void>;
}

export async function openMonitor(path: string, stdin: boolean, more: object = {}): Promise<MonitorClient> {
  const socket = connect({ path, allowHalfOpen: true });
  socket.write(`${JSON.stringify({ op: 'attach', stdin, stdout: true, stderr: true, ...more })}\n`);
  let data = Buffer.alloc(0);
  const watchers: (() => void)[] = [];
  const changed = (): Promise<void> => new Promise((resolve) => watchers.push(resolve));
  const wake = (): void => {
    for (const one of watchers.splice(0)) one();
  };
  let closed = false;
  socket.on('data', (chunk: Buffer) => {
    data = Buffer.concat([data, chunk]);
    wake();
  });
  socket.on('error', () => undefined);
  socket.on('end', () => {
    closed = true;
    socket.end();
    wake();
  });
  socket.on('close', () => {
    closed = true;
    wake();
  });
  while (!data.includes(10)) {
    if (closed) throw new Error(`the monitor at ${path} hung up`);
    await changed();
  }
  const at = data.indexOf(10);
  const reply = JSON.parse(data.toString('utf8', 0, at)) as { ok: boolean; tty: boolean; error?: string };
  if (!reply.ok) throw new Error(reply.error);
  const read = (): [string, string] => split(data.subarray(at + 1), reply.tty);
  return {
    tty: reply.tty,
    write: (text) => void socket.write(text),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    output: (async () => {
      while (!closed) await changed();
      return read();
    })(),
    seen: async (text) => {
      while (!read()[0].includes(text)) {
        if (closed) throw new Error(`the monitor hung up before ${JSON.stringify(text)}; stdout is ${JSON.stringify(read()[0])}`);
        await changed();
      }
    },
  };
}

/** Docker's stream frames. */
function split(data: Buffer, tty: boolean): [string, string] {
  if (tty) return [data.toString('utf8'), ''];
  const streams: [Buffer[], Buffer[]] = [[], []];
  for (let at = 0; at + 8 <= data.length;) {
    const stream = data[at] === 2 ? 1 : 0;
    const length = data.readUInt32BE(at + 4);
    streams[stream].push(data.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return [Buffer.concat(streams[0]).toString('utf8'), Buffer.concat(streams[1]).toString('utf8')];
}

/** Asks a monitor one question. */
export function askMonitor(path: string, request: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(path);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => {
      try {
        resolve(JSON.parse(text) as Record<string, unknown>);
      } catch (error) {
        reject(error as Error);
      }
    });
    socket.write(`${JSON.stringify(request)}\n`);
  });
}
