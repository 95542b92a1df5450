import { constants } from 'node:os';
import { errorText } from '@gantry/rpc/errors';
import { FAILED, exitCodeOf, MISUSED } from './exit-codes';
import {
  type CommandLine,
  commonDefaults,
  type CommonConfig,
  type Environment,
  loadConfig,
  readCommandLine,
  readEnvironment,
} from './config';
import { helpText } from './flags';
import { giveUp } from './give-up';
import { adoptInherited } from './inherited-sockets';
import { keepingAlive } from './keep-alive';
import { createNotifier } from './notify';
import { type HostedService, type ServiceSpec, startService } from './service';
import { SpareMemory } from './spare-memory';

/** Longest graceful stop, ms; systemd's own TimeoutStopSec is longer. */
const STOP_LIMIT = 20_000;

/** A whole service process: command line, configuration, start, readiness, signals, stop, exit code (see exit-codes.ts). Called by main.ts and nothing else. */
export function runService<C extends object>(spec: ServiceSpec<C>, argv: readonly string[] = process.argv.slice(2)): void {
  let config: CommonConfig & C;
  let line: CommandLine;
  const environment = readEnvironment();
  try {
    line = readCommandLine(argv, spec.flags ?? {});
    if (line.flags.get('help') === true) {
      const known = new Map([
        ['root', commonDefaults.root],
        ['run', commonDefaults.run],
        ['config', `/etc/gantry/${spec.name}.yaml`],
        ['log-level', commonDefaults['log-level']],
        ['metrics-address', `RUN/${spec.name}-metrics.sock`],
      ]);
      process.stdout.write(helpText(spec.binary, spec.summary, line.table, known));
      return;
    }
    if (line.flags.get('version') === true) {
      process.stdout.write(`${spec.binary} ${spec.version}\n`);
      return;
    }
    config = loadConfig(spec.name, spec.defaults, line, environment);
    spec.check?.(config);
  } catch (error) {
    process.stderr.write(`${spec.binary}: ${errorText(error)}\nsee ${spec.binary} --help\n`);
    void giveUp(MISUSED, environment);
    return;
  }
  live(spec, { config, line, environment }).catch((error: unknown) => {
    process.stderr.write(`${spec.binary}: ${errorText(error)}\n`);
    return giveUp(exitCodeOf(error), environment);
  });
}

/** SIGHUP: the file is read again. Command line and environment stay what they were. */
async function reconfigure<C extends object>(spec: ServiceSpec<C>, running: HostedService<C>, line: CommandLine): Promise<void> {
  const config = loadConfig(spec.name, spec.defaults, line, readEnvironment());
  spec.check?.(config);
  await running.reload(config);
  running.logger.info('configuration reloaded');
}

async function live<C extends object>(
  spec: ServiceSpec<C>,
  { config, line, environment }: { readonly config: CommonConfig & C; readonly line: CommandLine; readonly environment: Environment },
): Promise<void> {
  const asked = Promise.withResolvers<NodeJS.Signals | 'the end of the launcher'>();
  let told = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (told) process.exit(128 + constants.signals[signal]);
      told = true;
      asked.resolve(signal);
    });
  }
  // Nobody would start it again, and it would be in the way of the next engine.
  if (environment.launched === true) process.stdin.once('close', () => asked.resolve('the end of the launcher')).resume();
  process.on('SIGHUP', () => {
    const running = service;
    if (running === undefined) return;
    reconfigure(spec, running, line).catch((error: unknown) => running.logger.error({ err: error }, 'the configuration was not reloaded'));
  });
  let service: HostedService<C> | undefined;
  const fatal =
    (what: string) =>
    (error: unknown): void => {
      if (service === undefined) process.stderr.write(`${spec.binary}: ${what}: ${errorText(error)}\n`);
      else service.logger.fatal({ err: error }, what);
      process.exit(FAILED);
    };
  process.on('unhandledRejection', fatal('unhandled rejection'));
  process.on('uncaughtException', fatal('uncaught exception'));

  await adoptInherited(environment);
  service = await startService(spec, config);
  const running = service;
  const { logger } = running;
  new SpareMemory().start();
  const notifier = await createNotifier(environment, logger);
  notifier.ready(`serving below ${config.run}`);
  logger.info({ run: config.run, root: config.root, metrics: service.metricsAddress, pid: process.pid, node: process.version }, 'ready');

  const signal = await asked.promise;
  logger.info({ signal }, 'stopping');
  notifier.stopping();
  setTimeout(() => {
    logger.error('stop took too long');
    process.exit(FAILED);
  }, STOP_LIMIT).unref();
  await keepingAlive(() => running.stop());
  notifier.close();
  logger.info('stopped');
  process.exit(0);
}
