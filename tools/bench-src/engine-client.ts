import { Agent, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';

/** Calls of the Engine API over kept connections, as a client library makes them: the engine's part of what a user does, without a CLI. */
export class EngineClient {
  private readonly agent: Agent;

  constructor(
    private readonly socketPath: string,
    connections = 4,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets: connections });
  }

  /** The answer's body; rejects with the status and what it says from 400 on. */
  async text(method: string, path: string, body?: object): Promise<string> {
    return text(await this.call(method, path, body));
  }

  call(method: string, path: string, body?: object): Promise<IncomingMessage> {
    const data = body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(data) };
      request({ socketPath: this.socketPath, agent: this.agent, method, path: `/v1.41${path}`, headers }, resolve)
        .on('error', reject)
        .end(data);
    });
  }

  /** The connection behind an answer of 101; what comes over it is thrown away. */
  upgrade(path: string, body?: object): Promise<Duplex> {
    const data = body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers = {
        Connection: 'Upgrade',
        Upgrade: 'tcp',
        'Content-Type': 'application/json',
        'Content-Length': Buffer.byteLength(data),
      };
      request({ socketPath: this.socketPath, agent: false, method: 'POST', path: `/v1.41${path}`, headers })
        .on('upgrade', (_answer, socket: Duplex) => resolve(socket.resume()))
        .on('response', (answer) => reject(new Error(`${path}: ${answer.statusCode}`)))
        .on('error', reject)
        .end(data);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** The HTTP calls of `docker run --rm IMAGE true`, in the CLI's order, over one keep-alive connection as the CLI has it. */
export class RunClient {
  private readonly client: EngineClient;

  constructor(socketPath: string) {
    this.client = new EngineClient(socketPath);
  }

  /** Milliseconds of each call of one run, by name. */
  async run(): Promise<Map<string, number>> {
    const times = new Map<string, number>();
    const began = performance.now();
    let last = began;
    const lap = (name: string): void => {
      const now = performance.now();
      times.set(name, now - last);
      last = now;
    };
    const created = await this.client.text('POST', '/containers/create', {
      Image: 'busybox',
      Cmd: ['true'],
      AttachStdout: true,
      AttachStderr: true,
      HostConfig: { AutoRemove: true, NetworkMode: 'bridge' },
    });
    const { Id: id } = JSON.parse(created) as { Id: string };
    lap('create');
    const stream = await this.client.upgrade(`/containers/${id}/attach?stdout=1&stderr=1&stream=1`);
    const ended = new Promise((resolve) => stream.once('close', resolve));
    lap('attach');
    const waited = await this.client.call('POST', `/containers/${id}/wait?condition=removed`);
    lap('wait, headers');
    await this.client.text('POST', `/containers/${id}/start`);
    lap('start');
    await Promise.all([ended, text(waited)]);
    lap('end of output and removal, after start');
    times.set('all', performance.now() - began);
    return times;
  }

  close(): void {
    this.client.close();
  }
}

async function text(answer: IncomingMessage): Promise<string> {
  let all = '';
  for await (const part of answer) all += String(part);
  if ((answer.statusCode ?? 500) >= 400) throw new Error(`${answer.statusCode} ${all}`);
  return all;
}
