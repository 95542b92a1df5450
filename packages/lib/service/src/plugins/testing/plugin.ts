import { createServer, type Server } from 'node:http';

type Answer = object | null | ((request: Readonly<Record<string, unknown>>) => object | null);

/** A plugin of Docker's on a socket: it answers what the test says, 404 to the rest, and keeps what it was asked. */
export class TestPlugin {
  readonly asked: [method: string, request: Readonly<Record<string, unknown>>][] = [];
  readonly #server: Server;

  constructor(private readonly answers: Readonly<Record<string, Answer>>) {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const method = (request.url ?? '').slice(1);
        const body = JSON.parse(Buffer.concat(parts).toString() || 'null') as Record<string, unknown>;
        this.asked.push([method, body]);
        const answer = Object.hasOwn(this.answers, method) ? this.answers[method] : undefined;
        response.statusCode = answer === undefined ? 404 : 200;
        response.end(answer === undefined ? 'no such method' : JSON.stringify(typeof answer === 'function' ? answer(body) : answer));
      });
    });
  }

  listen(path: string): Promise<void> {
    return new Promise((resolve) => this.#server.listen(path, resolve));
  }

  /** What a method was asked, in order. */
  of(method: string): Readonly<Record<string, unknown>>[] {
    return this.asked.filter(([name]) => name === method).map(([, request]) => request);
  }

  close(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
