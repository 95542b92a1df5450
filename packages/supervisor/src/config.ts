import { invalidArgument } from '@gantry/rpc';
import { readRuntime } from './runtime-config';
import { BUILT_IN_RUNTIMES, type Runtime, RuntimeTable } from './core/runtimes';

/** The supervisor's own configuration keys (see deploy/config/supervisor.yaml). */
export interface SupervisorConfig {
  /** Runtime of containers that name none. */
  readonly 'default-runtime': string;
  /** Runtimes by name, see runtime-config.ts; beside gantry, runc and crun, which may be overridden. */
  readonly runtimes: Readonly<Record<string, unknown>>;
  /** containerd namespace of docker's containers. */
  readonly namespace: string;
  readonly 'log-driver': string;
  /** Options of the log driver for containers that name no driver. */
  readonly 'log-opts': Readonly<Record<string, unknown>>;
  /** --init for containers that do not say. */
  readonly init: boolean;
  /** Resolvers, search domains and options for containers that name none. */
  readonly dns: readonly string[];
  readonly 'dns-search': readonly string[];
  readonly 'dns-opts': readonly string[];
  /** Address that host-gateway stands for; empty: the default bridge's. */
  readonly 'host-gateway-ip': string;
  /** Bytes of /dev/shm. */
  readonly 'default-shm-size': number;
  /** Seconds between the stop signal and the kill, for containers that do not say. */
  readonly 'default-stop-timeout': number;
  /** Labels of the engine, key=value, shown by `docker info`. */
  readonly labels: readonly string[];
  /** Shown by `docker info`; the images service, which uses them, has keys of the same name. */
  readonly 'registry-mirrors': readonly string[];
  readonly 'insecure-registries': readonly string[];
  /** `default` or user[:group], whose ids of subuid(5) and subgid(5) containers get; empty: the host's ids. */
  readonly 'userns-remap': string;
}

export const defaults: SupervisorConfig = {
  'default-runtime': 'gantry',
  runtimes: {},
  namespace: 'gantry',
  'log-driver': 'json-file',
  'log-opts': {},
  init: false,
  dns: [],
  'dns-search': [],
  'dns-opts': [],
  'host-gateway-ip': '',
  'default-shm-size': 64 * 1024 * 1024,
  'default-stop-timeout': 10,
  labels: [],
  'registry-mirrors': [],
  'insecure-registries': [],
  'userns-remap': '',
};

/** The runtimes that a configuration offers. Throws invalidArgument that names the key. */
export function runtimeTable(config: Pick<SupervisorConfig, 'runtimes' | 'default-runtime'>): RuntimeTable {
  const own = Object.entries(config.runtimes).map(([name, value]) => [name, readRuntime(name, value)]);
  return new RuntimeTable({ ...BUILT_IN_RUNTIMES, ...(Object.fromEntries(own) as Record<string, Runtime>) }, config['default-runtime']);
}

/** Log options as docker's LogConfig has them. */
export function logOptions(config: Pick<SupervisorConfig, 'log-opts'>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(config['log-opts']).map(([name, value]) => {
      if (typeof value === 'object') throw invalidArgument(`log-opts.${name} must be a word or a number`);
      return [name, String(value)];
    }),
  );
}

/** Refuses values that have the right type and make no sense. */
export function checkConfig(config: SupervisorConfig): void {
  runtimeTable(config);
  logOptions(config);
  if (!['json-file', 'local', 'none'].includes(config['log-driver']))
    throw invalidArgument(`log-driver "${config['log-driver']}" is not known: json-file, local and none are`);
  if (!/^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/.test(config.namespace))
    throw invalidArgument(`namespace "${config.namespace}" is not a valid name`);
  for (const key of ['default-shm-size', 'default-stop-timeout'] as const) {
    if (!Number.isSafeInteger(config[key]) || config[key] < 0)
      throw invalidArgument(`${key} ${config[key]} is not a whole number of zero or more`);
  }
  for (const key of ['labels', 'dns', 'dns-search', 'dns-opts', 'registry-mirrors', 'insecure-registries'] as const) {
    for (const value of config[key]) if (typeof value !== 'string') throw invalidArgument(`${key} must be a list of strings`);
  }
}
