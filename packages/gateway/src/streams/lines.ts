import type { ServerResponse } from 'node:http';
import { cancelled, drained } from '@gantry/rpc';
import { finish, messageOf, sendError } from '../http/answer';
import type { Exchange } from '../http/exchange';

/**
 * A stream of JSON objects, one a line. The status goes out with the first line, so a failure before it is an ordinary HTTP error; a later
 * one becomes the last line.
 */
export class JsonLines {
  private readonly response: ServerResponse;

  constructor(
    x: Pick<Exchange, 'response'>,
    private readonly contentType = 'application/json',
  ) {
    this.response = x.response;
  }

  /** Sends the headers now, for streams that may stay silent. */
  open(): void {
    if (this.response.headersSent) return;
    this.response.writeHead(200, { 'Content-Type': this.contentType });
    this.response.flushHeaders();
  }

  /** Resolves when the client keeps up. Rejects with cancelled when it is gone. */
  async write(value: unknown): Promise<void> {
    await this.writeRaw(`${JSON.stringify(value)}\r\n`);
  }

  async writeRaw(text: string | Uint8Array): Promise<void> {
    this.open();
    if (this.response.destroyed) throw cancelled('the client is gone');
    if (this.response.write(text)) return;
    await drained(this.response);
  }

  end(): void {
    this.open();
    finish(this.response);
  }

  /** Tells a failure the way the stream's state allows. */
  fail(error: unknown, code?: number): void {
    if (!this.response.headersSent) return sendError(this.response, error);
    const message = messageOf(error);
    finish(this.response, `${JSON.stringify({ errorDetail: { ...(code === undefined ? {} : { code }), message }, error: message })}\r\n`);
  }
}
