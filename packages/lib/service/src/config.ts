import { readFileSync } from 'node:fs';
import { invalidArgument } from '@gantry/rpc/errors';
import { parse } from 'yaml';
import { commonFlags, type FlagTable, type FlagValue, parseFlags } from './flags';
import { overlay, treeOf } from './settings';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/** What every service is told, beside its own configuration. Keys of the file are spelled as the flags are. */
export interface CommonConfig {
  readonly root: string;
  readonly run: string;
  readonly 'log-level': LogLevel;
  /** HOST:PORT, an absolute socket path, `off`, or empty for RUN/<service>-metrics.sock. */
  readonly 'metrics-address': string;
  readonly tracing: {
    /** OTLP over HTTP, e.g. http://127.0.0.1:4318; empty: nothing is exported. */
    readonly endpoint: string;
    /** Part of the new traces that is recorded, 0 to 1. */
    readonly 'sample-ratio': number;
  };
}

export const commonDefaults: CommonConfig = {
  root: '/var/lib/gantry',
  run: '/run/gantry',
  'log-level': 'info',
  'metrics-address': '',
  tracing: { endpoint: '', 'sample-ratio': 1 },
};

/** What the surroundings of the process say; read here only, once. */
export interface Environment {
  readonly notifySocket?: string;
  readonly watchdogMs?: number;
  readonly tracingEndpoint?: string;
  /** Listening sockets that were handed over (sd_listen_fds(3)): descriptors 3 and following. */
  readonly listenFds?: number;
  /** Standard input is held by whoever started and watches this process: its end is theirs. */
  readonly launched?: boolean;
}

export function readEnvironment(env: NodeJS.ProcessEnv = process.env, pid: number = process.pid): Environment {
  const watchdogPid = env['WATCHDOG_PID'];
  const watchdog = watchdogPid === undefined || watchdogPid === String(pid) ? Number(env['WATCHDOG_USEC']) / 1000 : NaN;
  const listenFds = env['LISTEN_PID'] === String(pid) ? Number(env['LISTEN_FDS']) : NaN;
  const endpoint = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  return {
    ...(env['NOTIFY_SOCKET'] === undefined ? {} : { notifySocket: env['NOTIFY_SOCKET'] }),
    ...(watchdog > 0 ? { watchdogMs: watchdog } : {}),
    ...(Number.isSafeInteger(listenFds) && listenFds > 0 ? { listenFds } : {}),
    ...(endpoint === undefined || endpoint === '' ? {} : { tracingEndpoint: endpoint }),
    ...(env['GANTRY_LAUNCHED'] === String(pid) ? { launched: true } : {}),
  };
}

export interface CommandLine {
  readonly flags: ReadonlyMap<string, FlagValue>;
  readonly table: FlagTable;
}

export function readCommandLine(argv: readonly string[], extra: FlagTable): CommandLine {
  const table = { ...commonFlags, ...extra };
  return { table, flags: parseFlags(argv, table) };
}

/** Defaults, then the file, then the flags. The file's absence matters only when it was named. */
export function loadConfig<C extends object>(
  name: string,
  defaults: C,
  line: CommandLine,
  environment: Environment = {},
): CommonConfig & C {
  const named = line.flags.get('config') as string | undefined;
  const file = named ?? `/etc/gantry/${name}.yaml`;
  let config = overlay({ ...commonDefaults, ...defaults }, readYaml(file, named !== undefined), file);
  if (config.tracing.endpoint === '' && environment.tracingEndpoint !== undefined)
    config = { ...config, tracing: { ...config.tracing, endpoint: environment.tracingEndpoint } };
  for (const [flag, value] of line.flags) {
    if (flag === 'config' || flag === 'help' || flag === 'version') continue;
    config = overlay(config, treeOf(line.table[flag]?.key ?? flag, value), `flag --${flag}`);
  }
  return checkCommon(config);
}

export function checkCommon<C extends CommonConfig>(config: C): C {
  for (const key of ['root', 'run'] as const)
    if (!config[key].startsWith('/')) throw invalidArgument(`${key} "${config[key]}" is not an absolute path`);
  if (!logLevels.includes(config['log-level']))
    throw invalidArgument(`log-level "${config['log-level']}" is none of ${logLevels.join(', ')}`);
  const ratio = config.tracing['sample-ratio'];
  if (!(ratio >= 0 && ratio <= 1)) throw invalidArgument(`tracing.sample-ratio ${ratio} is not between 0 and 1`);
  return config;
}

function readYaml(file: string, required: boolean): unknown {
  let source: string;
  try {
    source = readFileSync(file, 'utf8');
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw invalidArgument(`cannot read configuration ${file}: ${(error as Error).message}`, { cause: error });
  }
  try {
    return parse(source);
  } catch (error) {
    throw invalidArgument(`${file} is not YAML: ${(error as Error).message}`, { cause: error });
  }
}

const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Where programs of others are looked for by name: in the service's own PATH first, and where a system has them though that may be empty. */
export function programDirectories(env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const own = (env['PATH'] ?? '').split(':').filter((directory) => directory.startsWith('/'));
  return [...new Set([...own, ...SYSTEM_DIRECTORIES])];
}
