import { connect, type Socket } from 'node:net';
import type { LaunchCode } from '@gantry/native';
import { unavailable } from '@gantry/rpc';

/** Answer of one operation, and of `state`: see the monitor's protocol in README.md. */
export interface MonitorAnswer {
  readonly ok: boolean;
  readonly code?: LaunchCode;
  readonly error?: string;
  readonly pid?: number;
  readonly status?: 'created' | 'running' | 'stopped';
  readonly exit_code?: number;
  readonly exited_at?: string;
  readonly oom?: boolean;
  readonly log_dropped?: number;
  /** Nothing more comes for stdin (monitors of another program's process). */
  readonly stdin_closed?: boolean;
  readonly clients_dropped?: number;
}

export type MonitorEvent =
  | { readonly event: 'exit'; readonly exit_code: number; readonly exited_at: string; readonly oom: boolean; readonly log_dropped?: number }
  | { readonly event: 'oom' }
  | { readonly event: 'stdin_closed' }
  | DroppedClient;

/** An attached client held the output up and took nothing for `stuck_ms` milliseconds. */
export interface DroppedClient {
  readonly event: 'client_dropped';
  /** The process at the other end of the socket: the gateway for docker's clients. */
  readonly client_pid: number;
  readonly client_uid: number;
  /** Bytes that waited for it. */
  readonly unread: number;
  readonly stuck_ms: number;
}

export interface ControlHandlers {
  event(event: MonitorEvent): void;
  /** The monitor hung up: it was released, or it died. */
  closed(): void;
}

/**
 * The shim's own connection to a monitor: operations are answered in their order, exits and OOM kills are pushed.
 * `open` is the monitor's state at the moment of connecting.
 */
export class Control {
  private readonly waiting: PromiseWithResolvers<MonitorAnswer>[] = [];
  private rest = '';
  private over = false;
  /** Resolves when the monitor hung up. */
  readonly ended: Promise<unknown>;
  readonly open: Promise<MonitorAnswer>;

  constructor(
    path: string,
    private readonly handlers: ControlHandlers,
    private readonly socket: Socket = connect(path),
  ) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.take(text));
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => socket.once('close', resolve));
    socket.once('close', () => this.end(path));
    this.open = this.ask({ op: 'control' });
    this.open.catch(() => undefined);
  }

  ask(request: Readonly<Record<string, unknown>>): Promise<MonitorAnswer> {
    if (this.over) return Promise.reject(unavailable('the monitor is gone'));
    const answer = Promise.withResolvers<MonitorAnswer>();
    this.waiting.push(answer);
    this.socket.write(`${JSON.stringify(request)}\n`);
    return answer.promise;
  }

  close(): void {
    this.socket.destroy();
  }

  private take(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) {
      const message = JSON.parse(line) as MonitorAnswer | MonitorEvent;
      if ('event' in message) this.handlers.event(message);
      else this.waiting.shift()?.resolve(message);
    }
  }

  private end(path: string): void {
    this.over = true;
    for (const one of this.waiting.splice(0)) one.reject(unavailable(`the monitor at ${path} is gone`));
    this.handlers.closed();
  }
}
