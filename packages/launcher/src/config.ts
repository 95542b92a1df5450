import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { commonFlags, type CommonConfig, type FlagTable, loadConfig, parseFlags, readEnvironment, type ServiceSpec } from '@gantry/service';

/** Flags of `gantry up`. */
export const upFlags = {
  root: commonFlags.root,
  run: commonFlags.run,
  'config-dir': { type: 'string', value: 'DIR', help: 'folder of <service>.yaml files' },
  separate: { type: 'boolean', help: 'run each service as a process of its own and watch it' },
  'log-level': commonFlags['log-level'],
  help: commonFlags.help,
  version: commonFlags.version,
} as const satisfies FlagTable;

/** What the command line of `gantry up` asks for. */
export interface UpOptions {
  readonly root: string;
  readonly run: string;
  readonly configFolder: string;
  readonly separate: boolean;
  readonly logLevel: string | undefined;
  readonly help: boolean;
  readonly version: boolean;
}

export function readUpOptions(argv: readonly string[]): UpOptions {
  const flags = parseFlags(argv, upFlags);
  const text = (name: string): string | undefined => flags.get(name) as string | undefined;
  return {
    root: text('root') ?? '/var/lib/gantry',
    run: text('run') ?? '/run/gantry',
    configFolder: text('config-dir') ?? '/etc/gantry',
    separate: flags.get('separate') === true,
    logLevel: text('log-level'),
    help: flags.get('help') === true,
    version: flags.get('version') === true,
  };
}

/** The command line that gives one service its roots and configuration. */
export function serviceArguments(name: string, options: UpOptions): string[] {
  const file = join(options.configFolder, `${name}.yaml`);
  return [
    '--root',
    options.root,
    '--run',
    options.run,
    ...(existsSync(file) ? ['--config', file] : []),
    ...(options.logLevel === undefined ? [] : ['--log-level', options.logLevel]),
  ];
}

/** The configuration that the same command line gives a service in this process. */
export function serviceConfig<C extends object>(spec: ServiceSpec<C>, options: UpOptions): CommonConfig & C {
  const table = { ...commonFlags, ...spec.flags };
  const config = loadConfig(
    spec.name,
    spec.defaults,
    { table, flags: parseFlags(serviceArguments(spec.name, options), table) },
    readEnvironment(),
  );
  spec.check?.(config);
  return config;
}

/** What a service that is a process of its own finds: our environment, and the number of its sockets. */
export const childEnvironment = (sockets: number, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv => ({
  ...env,
  LISTEN_FDS: String(sockets),
});

/** Folder of the certificates that a dockerd is not told by name. */
export const readCertificateFolder = (env: NodeJS.ProcessEnv = process.env): string =>
  env['DOCKER_CERT_PATH'] || join(env['HOME'] ?? '/root', '.docker');

/** File of the host's resolvers for `gantry dockerd`, by the name that moby's own suites give it to dockerd; empty: the usual one. */
export const readResolvConf = (env: NodeJS.ProcessEnv = process.env): string => env['DOCKER_TEST_RESOLV_CONF_PATH'] ?? '';

/** The engine that docker's clients speak to; empty where nothing says. */
export const readEngineHost = (env: NodeJS.ProcessEnv = process.env): string => env['DOCKER_HOST'] ?? '';

/** What programs know proxies by, as it was when this process began. */
export const proxyEnvironment = (env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv => env;
