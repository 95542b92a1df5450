import type { IncomingMessage } from 'node:http';
import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { posix } from 'node:path';
import { checkOperation, compareVersions, MAX_API_VERSION, MIN_API_VERSION, negotiate } from '@gantry/docker-api';
import { cancelled, errorText, type Logger, newContext, notFound, openSpan, runInCall, notImplemented } from '@gantry/rpc';
import { SpanKind, type Tracer } from '@opentelemetry/api';
import { authorized } from '../authorization/authorize';
import type { Authorizer } from '../authorization/authorizer';
import type { EngineClients } from '../engine/engine';
import { answer } from './again';
import { sendEmpty, sendError, sendRefusal, sendText, statusOf } from './answer';
import type { Exchange, Route, Upgrade } from './exchange';
import { Query } from './query';
import { parseTarget, type Router } from './router';

export interface HttpObserver {
  started(): void;
  finished(operation: string, status: number, seconds: number): void;
}

export interface DispatchOptions {
  readonly router: Router;
  readonly engine: EngineClients;
  readonly logger: Logger;
  /** Version of the product, for the Server header. */
  readonly version: string;
  /** Oldest version of the API that clients may ask for. */
  readonly oldest?: string;
  readonly experimental?: boolean;
  /** Clients are told to build with BuildKit's protocol; absent: they are. */
  readonly buildkit?: boolean;
  /** Name of the socket whose calls these are, where that has a scope. */
  readonly socket?: string;
  /** Who is asked of every request. */
  readonly authorizer?: Authorizer;
  readonly tracer?: Tracer;
  readonly observer?: HttpObserver;
}

const NOT_EXPERIMENTAL =
  'This experimental feature is disabled by default. Start the Docker daemon in experimental mode in order to enable it.';

/** Answers every request: headers, version, route, span and log line, errors. */
export class Dispatcher {
  constructor(private readonly options: DispatchOptions) {}

  /** True when a request that asks to upgrade goes to an operation that can. */
  wantsUpgrade(request: IncomingMessage): boolean {
    const target = parseTarget(request.url ?? '/');
    return target !== undefined && this.options.router.find(request.method ?? '', target.path)?.route.hijacks === true;
  }

  upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.on('finish', () => {
      response.detachSocket(socket);
      closeSoon(socket);
    });
    socket.on('error', () => undefined);
    socket.pause();
    if (head.length > 0) socket.unshift(head);
    this.handle(request, response, { socket });
  }

  handle(request: IncomingMessage, response: ServerResponse, upgrade?: Upgrade): void {
    this.setHeaders(response);
    const began = performance.now();
    const target = parseTarget(request.url ?? '/');
    if (target === undefined) return sendText({ response }, 400, '400 Bad Request');
    const clean = cleanPath(target.path);
    if (clean !== target.path) {
      response
        .writeHead(301, {
          Location: `${target.version === undefined ? '' : `/v${target.version}`}${encodeURI(clean)}${target.search === '' ? '' : `?${target.search}`}`,
        })
        .end();
      return;
    }
    if (request.method === 'OPTIONS') return sendEmpty({ response }, 200);
    const match = this.options.router.find(request.method ?? '', target.path);
    if (match === undefined) return sendError(response, notFound('page not found'));

    const gone = new AbortController();
    const leave = (): void => {
      if (!response.writableFinished || upgrade !== undefined) gone.abort(cancelled('the client went away'));
    };
    response.once('close', leave);
    request.socket.once('close', leave);
    const traceparent = header(request, 'traceparent');
    const { logger, socket } = this.options;
    // the engine's own namespace
    const base = newContext({
      signal: gone.signal,
      namespace: '',
      traceparent,
      logger,
      ...(socket === undefined ? {} : { apiSocket: socket }),
    });
    const span = openSpan(base, `${match.route.method} ${match.route.path}`, SpanKind.SERVER, this.options.tracer);
    this.options.observer?.started();

    void runInCall(span.ctx, async () => {
      let failure: unknown;
      const { authorizer } = this.options;
      const connection = { request, response, ctx: span.ctx, ...(upgrade === undefined ? {} : { upgrade }) };
      try {
        await authorized(authorizer, connection, async () => {
          const oldest = this.options.oldest ?? MIN_API_VERSION;
          const version = negotiate(target.version, oldest);
          checkOperation(match.route, version);
          if (match.route.experimental === true && this.options.experimental !== true) throw notImplemented(NOT_EXPERIMENTAL);
          const x: Exchange = {
            ...connection,
            version,
            oldest,
            params: match.params,
            query: new Query(target.search).asOf(match.route.operation, version),
            experimental: this.options.experimental === true,
            buildkit: this.options.buildkit !== false,
            authorization: authorizer?.names ?? [],
          };
          await answer(match.route, x, this.options.engine);
        });
      } catch (error) {
        failure = error;
        this.fail(response, error, { version: target.version, refusesAs: match.route.refusesAs });
      } finally {
        request.socket.off('close', leave);
        span.end(failure !== undefined && statusOf(failure) >= 500 ? failure : undefined);
        this.log(
          match.route,
          target.path,
          upgrade !== undefined && failure === undefined ? 101 : failure === undefined ? response.statusCode : statusOf(failure),
          performance.now() - began,
          failure,
        );
      }
    });
  }

  private fail(
    response: ServerResponse,
    error: unknown,
    how: { readonly version: string | undefined; readonly refusesAs: string | undefined },
  ): void {
    const { version, refusesAs } = how;
    try {
      if (version !== undefined && !response.headersSent && compareVersions(version, MIN_API_VERSION) < 0)
        return sendText({ response }, statusOf(error), `${errorText(error)}\n`);
      if (refusesAs !== undefined && !response.headersSent) sendRefusal({ response }, error, refusesAs);
      else sendError(response, error);
    } catch (secondary) {
      this.options.logger.error({ err: secondary }, 'answering an error failed');
      response.destroy();
    }
  }

  private setHeaders(response: ServerResponse): void {
    response.setHeader('Api-Version', MAX_API_VERSION);
    response.setHeader('Docker-Experimental', String(this.options.experimental === true));
    response.setHeader('Ostype', 'linux');
    response.setHeader('Server', `Docker/${this.options.version} (linux)`);
  }

  private log(route: Route, path: string, status: number, ms: number, failure: unknown): void {
    this.options.observer?.finished(route.operation, status, ms / 1000);
    const fields = { method: route.method, path, operation: route.operation, status, ms: Math.round(ms * 1000) / 1000 };
    const { logger } = this.options;
    if (failure === undefined) logger[route.operation.startsWith('SystemPing') ? 'debug' : 'info'](fields, 'request done');
    else if (status >= 500 && status !== 501 && status !== 503)
      logger.error({ ...fields, err: failure }, `request failed: ${errorText(failure)}`);
    else logger.info(fields, `request refused: ${errorText(failure)}`);
  }
}

/** Time for a client to close its side of a connection that upgrades no more, milliseconds. */
const CLOSE_MS = 2000;

/** What the client sent beside the refused request is read and dropped: closing over it would take the answer back. */
function closeSoon(socket: Socket): void {
  socket.end();
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), CLOSE_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

function header(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return (Array.isArray(value) ? value[0] : value) ?? '';
}

/** As Go's router does before matching: no empty or dot segments; a trailing slash stays. */
function cleanPath(path: string): string {
  const clean = posix.normalize(path);
  return clean.startsWith('//') ? clean.slice(1) : clean;
}
