import { promises as fs } from 'node:fs';
import { Agent, type IncomingMessage, request as httpRequest, type RequestOptions } from 'node:http';
import { Agent as SecureAgent, request as httpsRequest } from 'node:https';
import { after, errorText, GantryError, internal, pause, unavailable } from '@gantry/rpc';
import type { PluginAddress } from './places';

const MEDIA_TYPE = 'application/vnd.docker.plugins.v1.2+json';
/** What one call may take, milliseconds. */
const CALL_MS = 30_000;
const DAY_MS = 86_400_000;
/** A plugin that is being started is waited for: so often, so long. */
const TRIES = 4;
const AGAIN_MS = 500;
/** Characters of a refusal that an error shows. */
const MAX_SHOWN = 1024;
/** No answer of a plugin is longer. */
const MAX_ANSWER = 4 * 1024 * 1024;

/** A plugin does not know the method. */
export const isMethodMissing = (error: unknown): boolean => error instanceof GantryError && error.meta['plugin'] === 'method missing';

/** What is different for a managed plugin. */
export interface PluginPlace {
  /** A path that the plugin tells, as the host sees it. */
  readonly onHost: (path: string) => string;
  /** What one call may take, milliseconds. */
  readonly callMs: number;
}

/** Calls a plugin: JSON over HTTP, a POST a method. */
export class PluginClient {
  /** @param name with its tag, where it is a managed one */
  constructor(
    readonly name: string,
    private readonly address: PluginAddress,
    private readonly place: PluginPlace | undefined = undefined,
  ) {}

  /** It runs in a container of the engine's, with a root file system of its own. */
  get isManaged(): boolean {
    return this.place !== undefined;
  }

  /** A path that the plugin tells, as the host sees it. */
  onHost(path: string): string {
    return this.place?.onHost(path) ?? path;
  }

  /** The plugin's answer, an object. Errors: unavailable for a plugin that is not reached or does not answer in time, internal in its own words. */
  async call(method: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.ask(method, body);
    const said = errorOf(answer);
    if (said !== undefined) throw internal(`remote: ${said}`, { meta: { plugin: 'refused' } });
    return answer;
  }

  /** The same where the answer's own word on errors is the caller's: only the status says that there is none. */
  async ask(method: string, body: object): Promise<Readonly<Record<string, unknown>>> {
    const options = await this.options(method);
    const { status, text } = await this.post(options, JSON.stringify(body), method);
    const answer = parsed(text);
    if (status !== 200)
      throw internal(`${method}: ${errorOf(answer) ?? text.trim()}`, {
        meta: { plugin: status === 404 ? 'method missing' : 'refused' },
      });
    if (answer === undefined) throw internal(`plugin ${this.name}: ${method} was answered with what is no JSON object`);
    return answer;
  }

  /** The bytes of an answer that has no end of its own. Errors: as of a call; a stream that breaks. */
  async *stream(method: string, body: object, signal: AbortSignal): AsyncGenerator<Buffer> {
    const { secure, ...options } = await this.options(method);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = (secure ? httpsRequest : httpRequest)({ ...options, signal }, resolve);
      sent.once('error', (error) =>
        reject(unavailable(`plugin ${this.name} does not answer ${method}: ${errorText(error)}`, { cause: error })),
      );
      sent.end(JSON.stringify(body));
    });
    if (answer.statusCode !== 200) {
      const parts = (await answer.toArray()) as Buffer[];
      throw internal(`${method}: ${Buffer.concat(parts).toString().slice(0, MAX_SHOWN).trim()}`, { meta: { plugin: 'refused' } });
    }
    yield* answer as AsyncIterable<Buffer>;
  }

  private async options(method: string): Promise<RequestOptions & { readonly secure: boolean }> {
    const { url, tls } = this.address;
    const base = {
      method: 'POST',
      path: `/${method}`,
      headers: { Accept: MEDIA_TYPE },
      signal: withTimeoutOf(this.place?.callMs ?? CALL_MS),
    };
    if (url.startsWith('unix://')) return { ...base, socketPath: url.slice('unix://'.length), agent: new Agent(), secure: false };
    const { hostname, port, protocol } = new URL(url.replace(/^tcp:/, tls === undefined ? 'http:' : 'https:'));
    const secure = protocol === 'https:';
    const read = async (path = ''): Promise<Buffer | undefined> => (path === '' ? undefined : fs.readFile(path));
    const [ca, cert, key] = await Promise.all([read(tls?.ca), read(tls?.certificate), read(tls?.key)]);
    const agent = secure ? new SecureAgent({ ca, cert, key, rejectUnauthorized: tls?.insecure !== true }) : new Agent();
    return { ...base, hostname, port: port === '' ? (secure ? 443 : 80) : Number(port), agent, secure };
  }

  private async post(
    { secure, ...options }: RequestOptions & { readonly secure: boolean },
    body: string,
    method: string,
  ): Promise<{ readonly status: number; readonly text: string }> {
    for (let tries = 1; ; tries++) {
      try {
        return await send(secure ? httpsRequest : httpRequest, options, body);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? '';
        if (tries < TRIES && ['ECONNREFUSED', 'ENOENT'].includes(code) && (await pause(AGAIN_MS))) continue;
        throw unavailable(`plugin ${this.name} does not answer ${method}: ${errorText(error)}`, { cause: error });
      }
    }
  }
}

/** A call of a managed plugin takes what `docker plugin enable --timeout` says; no longer than a day. */
function withTimeoutOf(ms: number): AbortSignal {
  const limit = Math.min(ms, DAY_MS);
  const stop = new AbortController();
  after(limit, () => stop.abort(new DOMException(`it took longer than ${limit} ms`, 'TimeoutError')), { ref: false });
  return stop.signal;
}

function send(
  request: typeof httpRequest,
  options: RequestOptions,
  body: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      const parts: Buffer[] = [];
      let size = 0;
      response.on('data', (part: Buffer) => {
        parts.push(part);
        if ((size += part.length) > MAX_ANSWER) response.destroy(new Error(`its answer is longer than ${MAX_ANSWER} bytes`));
      });
      response.once('error', reject);
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }));
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const errorOf = (answer: Readonly<Record<string, unknown>> | undefined): string | undefined =>
  [answer?.['Err'], answer?.['Error']].find((one): one is string => typeof one === 'string' && one !== '');

/** `null` is what plugins say that have nothing to say. Of several values, a line each, the first counts: docker reads no further. */
function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  if (text.trim() === '') return {};
  const value = jsonOf(text) ?? jsonOf(text.trim().split('\n', 1)[0] ?? '');
  if (value?.json === null) return {};
  return typeof value?.json === 'object' && !Array.isArray(value.json) ? (value.json as Record<string, unknown>) : undefined;
}

function jsonOf(text: string): { readonly json: unknown } | undefined {
  try {
    return { json: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}
