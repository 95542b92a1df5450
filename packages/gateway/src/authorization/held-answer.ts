import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { toldHeaders } from './asked';

/**
 * Keeps an answer back until plugins have allowed it. One that begins before it is whole (a stream, an archive) goes to its client at once, as does a
 * connection that leaves HTTP: of these plugins learn when they are over.
 */
export class HeldAnswer {
  private head: { readonly status: number; readonly headers: OutgoingHttpHeaders } | undefined;
  private readonly parts: Buffer[] = [];
  private state: 'open' | 'held' | 'passed' = 'open';
  private ended = false;

  constructor(private readonly response: ServerResponse) {
    const hold = {
      writeHead: (status: number, headers: OutgoingHttpHeaders = {}) => {
        this.head = { status, headers };
        if (status === 204 || status === 304 || headers['Content-Length'] !== undefined) this.state = 'held';
        return response;
      },
      flushHeaders: () => {
        if (this.state === 'open') this.pass();
        if (this.state === 'passed') response.flushHeaders();
      },
      write: (part: string | Buffer, ...more: never[]) => {
        if (this.state === 'open') this.pass();
        if (this.state === 'passed') return response.write(part, ...more);
        this.parts.push(Buffer.from(part));
        return true;
      },
      end: (part?: string | Buffer) => {
        if (part !== undefined) this.parts.push(Buffer.from(part));
        this.state = 'held';
        this.ended = true;
        return response;
      },
    };
    Object.assign(response, hold);
  }

  /** What plugins are told of it; no status where nothing was answered. */
  get told(): { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Buffer } {
    const answered = this.state !== 'open' || this.head !== undefined;
    const headers = Object.entries({ ...this.response.getHeaders(), ...this.head?.headers });
    return {
      status: answered ? (this.head?.status ?? this.response.statusCode) : 0,
      headers: answered ? toldHeaders(headers.map(([name, value]) => [name, String(Array.isArray(value) ? value.at(-1) : value)])) : {},
      body: Buffer.concat(this.parts),
    };
  }

  /** Sends what was kept. */
  release(): void {
    const { state, response } = this;
    if (state === 'passed') return;
    this.pass();
    const body = Buffer.concat(this.parts);
    if (this.ended) response.end(body.length === 0 ? undefined : body);
    else if (body.length > 0) response.write(body);
    else if (state === 'held') response.flushHeaders();
  }

  /** Forgets what was kept: another answer is written. */
  discard(): void {
    if (this.state !== 'passed') this.restore();
  }

  private pass(): void {
    this.restore();
    this.state = 'passed';
    if (this.head !== undefined) this.response.writeHead(this.head.status, this.head.headers);
  }

  /** The methods of its class again, which ours hid. */
  private restore(): void {
    for (const method of ['writeHead', 'flushHeaders', 'write', 'end'] as const) Reflect.deleteProperty(this.response, method);
  }
}
