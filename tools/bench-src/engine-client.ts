import { Agent, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';

/** The HTTP calls of `docker run --rm IMAGE true`, in the CLI's order, over one keep-alive connection as the CLI has it. */
export class RunClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 4 });

  constructor(private readonly socketPath: string) {}

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
    const created = await this.call('/containers/create', {
      Image: 'busybox',
      Cmd: ['true'],
      AttachStdout: true,
      AttachStderr: true,
      HostConfig: { AutoRemove: true, NetworkMode: 'bridge' },
    });
    const { Id: id } = JSON.parse(await text(created)) as { Id: string };
    lap('create');
    const stream = await this.attach(`/containers/${id}/attach?stdout=1&stderr=1&stream=1`);
    const ended = new Promise((resolve) => stream.once('close', resolve));
    lap('attach');
    const waited = await this.call(`/containers/${id}/wait?condition=removed`);
    lap('wait, headers');
    await text(await this.call(`/containers/${id}/start`));
    lap('start');
    await Promise.all([ended, text(waited)]);
    lap('end of output and removal, after start');
    times.set('all', performance.now() - began);
    return times;
  }

  close(): void {
    this.agent.destroy();
  }

  private call(path: string, body?: object): Promise<IncomingMessage> {
    const data = body === undefined ? '' : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(data) };
      request({ socketPath: this.socketPath, agent: this.agent, method: 'POST', path: `/v1.41${path}`, headers }, resolve)
        .on('error', reject)
        .end(data);
    });
  }

  private attach(path: string): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      const headers = { Connection: 'Upgrade', Upgrade: 'tcp' };
      request({ socketPath: this.socketPath, agent: false, method: 'POST', path: `/v1.41${path}`, headers })
        .on('upgrade', (_answer, socket: Duplex) => resolve(socket.resume()))
        .on('response', (answer) => reject(new Error(`attach: ${answer.statusCode}`)))
        .on('error', reject)
        .end();
    });
  }
}

async function text(answer: IncomingMessage): Promise<string> {
  let all = '';
  for await (const part of answer) all += String(part);
  if ((answer.statusCode ?? 500) >= 400) throw new Error(`${answer.statusCode} ${all}`);
  return all;
}
