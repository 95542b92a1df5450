import { request } from 'node:http';
import type { Engine } from './engine';

export interface ApiAnswer {
  readonly status: number;
  readonly body: string;
  /** The error's text; empty when there is none. */
  readonly message: string;
}

/** One call of the Engine API. A body that is no bytes is sent as JSON. */
export function callApi(engine: Engine, method: string, path: string, body?: unknown): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const bytes = body === undefined || Buffer.isBuffer(body) ? body : JSON.stringify(body);
    const headers = bytes === undefined ? {} : { 'content-type': Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json' };
    const outgoing = request({ socketPath: engine.socket, method, path: `/v1.51${path}`, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: answer.statusCode ?? 0, body: text, message: messageOf(text) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(bytes);
  });
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? '';
  } catch {
    return '';
  }
}
