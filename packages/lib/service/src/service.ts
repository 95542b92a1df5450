import { join } from 'node:path';
import type { RpcServer, ServerOptions } from '@gantry/rpc';
import { createServer } from '@gantry/rpc';
import type { Tracer } from '@opentelemetry/api';
import type { DestinationStream, Logger } from 'pino';
import type { CommonConfig } from './config';
import type { FlagTable } from './flags';
import { createLogger } from './logger';
import { createMetrics, type Metrics } from './metrics';
import { serveMetrics } from './metrics-server';
import { makeRoots } from './roots';
import { startTracing } from './tracing';

/** What a composition root hands back. `stop` undoes `start` in reverse order and is called once, also after a failed start. */
export interface Running<C extends object = object> {
  start(): Promise<void>;
  /** Takes over what a new configuration changes and can be changed while it runs; the rest waits for the next start. */
  reload?(config: CommonConfig & C): Promise<void>;
  stop(): Promise<void>;
}

/** A service as its main.ts and the launcher know it. */
export interface ServiceSpec<C extends object> {
  /** Short name: config file /etc/gantry/<name>.yaml, data DATA/<name>, socket RUN/<name>.sock. */
  readonly name: string;
  /** What the binary is called. */
  readonly binary: string;
  readonly version: string;
  /** One line for --help. */
  readonly summary: string;
  /** The service's own configuration keys with their defaults; they are the schema of the file (see overlay). */
  readonly defaults: C;
  /** Flags beside the common ones; each sets a configuration key. */
  readonly flags?: FlagTable;
  /** Refuses values that have the right type and make no sense. */
  readonly check?: (config: CommonConfig & C) => void;
  /** Where it listens beside RUN/<name>.sock, paths and HOST:PORT: whoever starts it may hold these sockets, so that callers wait while it restarts. */
  readonly listens?: (config: CommonConfig & C) => readonly string[];
  /** Constructs everything; no side effect before start. */
  readonly compose: (service: ServiceContext<C>) => Running<C> | Promise<Running<C>>;
}

/** What a composition root gets: everything belongs to this one instance, so that many services live in one process. */
export interface ServiceContext<C extends object = object> {
  readonly name: string;
  readonly version: string;
  readonly config: CommonConfig & C;
  /** Run root, holds the sockets. */
  readonly run: string;
  /** This service's durable directory, DATA/<name>, 0700. */
  readonly data: string;
  /** The data root shared by all services. */
  readonly root: string;
  /** RUN/<name>.sock of any service; its own when none is named. */
  socket(name?: string): string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracer?: Tracer;
  /** A gRPC server wired to this service's log, metrics and traces. */
  createServer(options?: Partial<ServerOptions>): RpcServer;
}

export interface HostedService<C extends object = object> {
  readonly logger: Logger;
  readonly metricsAddress: string | undefined;
  /** A new configuration while it runs: the log level, and what the service itself can change. */
  reload(config: CommonConfig & C): Promise<void>;
  stop(): Promise<void>;
}

export interface HostOptions {
  readonly destination?: DestinationStream;
}

/** Makes the directories, the surroundings and the service, and starts it: the common half of runService and of `gantry up`. */
export async function startService<C extends object>(
  spec: ServiceSpec<C>,
  config: CommonConfig & C,
  options: HostOptions = {},
): Promise<HostedService<C>> {
  const logger = createLogger({ service: spec.name, version: spec.version, level: config['log-level'], ...options });
  const undo: (() => Promise<void>)[] = [];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      for (const step of undo.reverse()) await step().catch((error: unknown) => logger.error({ err: error }, 'stop step failed'));
    })();
    return stopped;
  };
  try {
    const data = join(config.root, spec.name);
    await makeRoots(config, data);
    const metrics = createMetrics(spec.name, spec.version);
    const tracing = await startTracing(config.tracing, { name: spec.binary, version: spec.version, logger });
    undo.push(() => tracing.stop());
    const wiring = { logger, observer: metrics.observer, ...(tracing.tracer === undefined ? {} : { tracer: tracing.tracer }) };
    const running = await spec.compose({
      name: spec.name,
      version: spec.version,
      config,
      run: config.run,
      root: config.root,
      data,
      socket: (name = spec.name) => join(config.run, `${name}.sock`),
      logger,
      metrics,
      ...(tracing.tracer === undefined ? {} : { tracer: tracing.tracer }),
      createServer: (change) => createServer({ ...wiring, ...change }),
    });
    undo.push(() => running.stop());
    await running.start();
    const exposed = await serveMetrics(metrics, { address: config['metrics-address'], run: config.run, service: spec.name, logger });
    undo.push(() => exposed.stop());
    const reload = async (changed: CommonConfig & C): Promise<void> => {
      logger.level = changed['log-level'];
      await running.reload?.(changed);
    };
    return { logger, metricsAddress: exposed.address, reload, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
