import { request, type RequestOptions } from 'node:http';

export const DEFAULT_HOST = 'unix:///run/gantry/docker.sock';

/** An engine's API, as its clients reach it. */
export class EngineApi {
  constructor(private readonly host: string) {}

  /** The answer's JSON; undefined for an empty one. Rejects in the docker CLI's words. */
  async call(method: 'GET' | 'POST', path: string, body?: object): Promise<unknown> {
    const { status, text } = await this.exchange({ ...placeOf(this.host), method, path }, body === undefined ? '' : JSON.stringify(body));
    if (status >= 400) throw new Error(`Error response from daemon: ${messageOf(text)}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  private exchange(options: RequestOptions, body: string): Promise<{ status: number; text: string }> {
    const headers = body === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      const call = request({ ...options, headers: { host: 'gantry', ...headers } }, (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(parts).toString() }));
        answer.on('error', reject);
      });
      call.on('error', (error: NodeJS.ErrnoException) => reject(unreachable(this.host, error)));
      call.end(body);
    });
  }
}

function placeOf(host: string): Pick<RequestOptions, 'socketPath' | 'host' | 'port'> {
  const unix = /^unix:\/\/(\/.*)$/.exec(host)?.[1];
  if (unix !== undefined) return { socketPath: unix };
  const [, name, port] = /^(?:tcp|http):\/\/(\[[^\]]+\]|[^:/]+):(\d+)\/?$/.exec(host) ?? [];
  if (name === undefined) throw new Error(`unable to parse docker host \`${host}\``);
  return { host: name.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

function unreachable(host: string, error: NodeJS.ErrnoException): Error {
  if (error.code === 'EACCES')
    return new Error(`permission denied while trying to connect to the Docker daemon socket at ${host}`, { cause: error });
  return ['ENOENT', 'ECONNREFUSED'].includes(error.code ?? '')
    ? new Error(`Cannot connect to the Docker daemon at ${host}. Is the docker daemon running?`, { cause: error })
    : error;
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    return text;
  }
}
