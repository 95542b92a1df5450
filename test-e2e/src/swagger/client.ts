import { request, type IncomingHttpHeaders } from 'node:http';
import { Schemas } from './schema';
import type { Operation, Schema, Specification } from './specification';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  json(): unknown;
}

export interface Asked {
  readonly body?: object | Buffer;
  readonly headers?: Record<string, string>;
  /** Ends the reading after this many lines (streams without an end). */
  readonly lines?: number;
}

const errorSchema: Schema = { type: 'object', required: ['message'], properties: { message: { type: 'string' } } };

/** Asks an engine in one API version and holds every answer against the version's description. */
export class CheckedClient {
  /** What was wrong, each with its request. */
  readonly problems: string[] = [];
  /** Requests that were refused, with status and message. */
  readonly refused: string[] = [];
  /** Operations that were asked. */
  readonly asked = new Set<string>();
  /** Parameters of the query and headers that were given, each as `operation parameter`. */
  readonly parameters = new Set<string>();
  private readonly schemas: Schemas;

  constructor(
    private readonly socketPath: string,
    private readonly specification: Specification,
  ) {
    this.schemas = new Schemas(specification);
  }

  async ask(method: string, target: string, asked: Asked = {}): Promise<Answer> {
    const answer = await exchange(this.socketPath, method, `/v${this.specification.version}${target}`, asked);
    const operation = this.specification.find(method, target.split('?', 1)[0] ?? '');
    if (answer.status >= 400) this.refused.push(`${answer.status} ${method} ${target} ${answer.body.toString().trim()}`);
    if (operation === undefined) this.problems.push(`${method} ${target}: not in the description of ${this.specification.version}`);
    else {
      this.asked.add(operation.operationId);
      for (const name of [...new URLSearchParams(target.split('?', 2)[1]).keys(), ...Object.keys(asked.headers ?? {})])
        this.parameters.add(`${operation.operationId} ${name}`);
      for (const problem of this.check(operation, answer))
        this.problems.push(`${method} ${target} (${operation.operationId}, ${answer.status}): ${problem}`);
    }
    return answer;
  }

  private check(operation: Operation, answer: Answer): string[] {
    const described = operation.responses[String(answer.status)];
    if (answer.status >= 400) return this.checkJson(errorSchema, answer);
    if (described === undefined) return [`status is none of ${Object.keys(operation.responses).join(', ')}`];
    if (described.schema === undefined || answer.status === 204 || answer.status === 304) return [];
    if (described.schema['type'] === 'string') return [];
    return this.checkJson(described.schema, answer);
  }

  private checkJson(schema: Schema, answer: Answer): string[] {
    const type = answer.headers['content-type'] ?? '';
    if (!/^application\/(json|jsonl|x-ndjson)/.test(type)) return [`content type is ${type || 'missing'}`];
    const text = answer.body.toString();
    let values: unknown[];
    try {
      values = [JSON.parse(text)];
    } catch {
      try {
        values = text
          .split('\n')
          .filter((line) => line.trim() !== '')
          .map((line) => JSON.parse(line) as unknown);
      } catch (error) {
        return [`not JSON: ${String(error)}`];
      }
    }
    return values.flatMap((value) => this.schemas.problems(schema, value));
  }
}

function exchange(socketPath: string, method: string, path: string, asked: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = asked.body === undefined ? undefined : Buffer.isBuffer(asked.body) ? asked.body : Buffer.from(JSON.stringify(asked.body));
    const headers = {
      ...(body === undefined
        ? {}
        : {
            'Content-Length': String(body.length),
            'Content-Type': Buffer.isBuffer(asked.body) ? 'application/x-tar' : 'application/json',
          }),
      ...asked.headers,
    };
    const outgoing = request({ socketPath, method, path, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      const done = (): void => {
        const whole = Buffer.concat(chunks);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          body: whole,
          json: () => JSON.parse(whole.toString()) as unknown,
        });
      };
      incoming.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if (asked.lines !== undefined && Buffer.concat(chunks).toString().split('\n').length > asked.lines) {
          done();
          outgoing.destroy();
        }
      });
      incoming.on('end', done);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
