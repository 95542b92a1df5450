import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Logger, silentLogger, StreamBroker } from '@gantry/rpc';
import type { Authorizer } from '../authorization/authorizer';
import { engineOver } from '../engine/engine';
import { Dispatcher } from '../http/dispatch';
import type { ListenAddress } from '../http/listen-address';
import { Listener, type TlsFiles } from '../http/listener';
import { Router } from '../http/router';
import { routes } from '../routes/table';
import { type FakeAnswers, serveFakeBuilder, serveFakeEngine } from './fake-engine';

/** Parsed JSON whose form a test asserts. */
export interface AnyJson {
  /** Of errors. */
  readonly message?: string;
  readonly [key: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON. */
  json(): AnyJson;
}

export interface Asked {
  readonly body?: string | Buffer | object;
  readonly headers?: Record<string, string>;
}

/** A gateway before a fake engine, in a folder of its own. */
export interface GatewayFixture {
  readonly folder: string;
  readonly socket: string;
  readonly listener: Listener;
  readonly broker: StreamBroker;
  /** Kills the engine and starts another one with other answers. */
  restartEngine(answers: FakeAnswers): Promise<void>;
  ask(method: string, path: string, asked?: Asked): Promise<Answer>;
  close(): Promise<void>;
}

export interface FixtureOptions {
  readonly logger?: Logger;
  readonly address?: ListenAddress;
  readonly tls?: TlsFiles;
  readonly hostNames?: readonly string[];
  /** Oldest version of the API that is let in. */
  readonly oldest?: string;
  readonly authorizer?: Authorizer;
  readonly buildkit?: boolean;
}

export async function startGateway(
  answers: FakeAnswers | ((broker: StreamBroker, folder: string) => FakeAnswers),
  options: FixtureOptions = {},
): Promise<GatewayFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'gw-'));
  const { mkdir } = await import('node:fs/promises');
  await mkdir(join(folder, 's'), { mode: 0o700 });
  const broker = new StreamBroker({ runRoot: folder, id: 'fake', logger: silentLogger });
  await broker.listen();
  const first = typeof answers === 'function' ? answers(broker, folder) : answers;
  let engine = await serveFakeEngine(join(folder, 'supervisor.sock'), first);
  const fakeBuilder = first.builder === undefined ? undefined : await serveFakeBuilder(join(folder, 'build.sock'), first.builder);
  const connection = connect(join(folder, 'supervisor.sock'));
  const builder = connect(join(folder, 'build.sock'));
  const dispatcher = new Dispatcher({
    router: new Router(routes),
    engine: engineOver(connection, builder),
    logger: options.logger ?? silentLogger,
    version: '0.1.0',
    ...(options.oldest === undefined ? {} : { oldest: options.oldest }),
    ...(options.authorizer === undefined ? {} : { authorizer: options.authorizer }),
    ...(options.buildkit === undefined ? {} : { buildkit: options.buildkit }),
  });
  const socket = join(folder, 'docker.sock');
  const listener = new Listener({
    address: options.address ?? { kind: 'unix', path: socket },
    dispatcher,
    logger: silentLogger,
    hostNames: options.hostNames ?? [],
    ...(options.tls === undefined ? {} : { tls: options.tls }),
  });
  await listener.start();
  return {
    folder,
    socket,
    listener,
    broker,
    async restartEngine(next) {
      await engine.stop(0);
      engine = await serveFakeEngine(join(folder, 'supervisor.sock'), next);
    },
    ask: (method, path, asked = {}) => ask(socket, method, path, asked),
    async close() {
      await listener.stop(100);
      connection.close();
      builder.close();
      await fakeBuilder?.stop(0);
      await engine.stop(100);
      await broker.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function ask(socketPath: string, method: string, path: string, asked: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const raw = typeof asked.body === 'string' || Buffer.isBuffer(asked.body);
    const body = asked.body === undefined ? undefined : raw ? (asked.body as string | Buffer) : JSON.stringify(asked.body);
    const headers = {
      ...(body === undefined
        ? {}
        : { 'Content-Length': String(Buffer.byteLength(body)), ...(raw ? {} : { 'Content-Type': 'application/json' }) }),
      ...asked.headers,
    };
    const request = httpRequest({ socketPath, method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: () => JSON.parse(text) as AnyJson });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}
