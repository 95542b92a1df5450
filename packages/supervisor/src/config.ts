import { readFileSync } from 'node:fs';
import { parseSeccompProfile, type SeccompProfile } from '@gantry/oci/seccomp';
import { isAbsolute } from 'node:path';
import type { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { errorText, invalidArgument } from '@gantry/rpc';
import { readRuntime } from './runtime-config';
import { BUILT_IN_RUNTIMES, DEFAULT_RUNTIME, type Runtime, RuntimeTable } from './core/runtimes';
import { DEFAULT_BOUNDS } from './docker/events/journal-contract';
import { readScopes } from './docker/scopes/scope';
import { named } from './docker/logs/options/named';
import { type LogBound, readBound } from './docker/logs/options/file';
import { defaultPlaces, type PluginPlaces } from '@gantry/service/plugins';
import { validateLogConfig } from './docker/logs/options/validate';

/** The supervisor's own configuration keys (see deploy/config/supervisor.yaml). */
export interface SupervisorConfig {
  /** Runtime of containers that name none. */
  readonly 'default-runtime': string;
  /** Runtimes by name, see runtime-config.ts; beside runc and gantry (ours), runc-binary and crun (the host's), which may be overridden. */
  readonly runtimes: Readonly<Record<string, unknown>>;
  /** containerd namespace of docker's containers. */
  readonly namespace: string;
  readonly 'log-driver': string;
  /** Options of the log driver for containers that name no driver. */
  readonly 'log-opts': Readonly<Record<string, unknown>>;
  /** What bounds logs of json-file that have no max-size: sizes as docker writes them; "0": nothing does, as in dockerd. */
  readonly 'log-bound': { readonly 'max-size': string; readonly 'max-file': number };
  /** --init for containers that do not say. */
  readonly init: boolean;
  /** Resolvers, search domains and options for containers that name none. */
  readonly dns: readonly string[];
  readonly 'dns-search': readonly string[];
  readonly 'dns-opts': readonly string[];
  /** The host's resolvers. */
  readonly 'resolv-conf': string;
  /** Addresses that host-gateway stands for; none: the default bridge's. */
  readonly 'host-gateway-ip': readonly string[];
  /** There is a default bridge; false: containers that name no network, or that one, have none. */
  readonly 'default-bridge': boolean;
  /** Bytes of /dev/shm. */
  readonly 'default-shm-size': number;
  /** Seconds between the stop signal and the kill, for containers that do not say. */
  readonly 'default-stop-timeout': number;
  /** Labels of the engine, key=value, shown by `docker info`. */
  readonly labels: readonly string[];
  /** Shown by `docker info`; the images service, which uses them, has keys of the same name. */
  readonly 'registry-mirrors': readonly string[];
  readonly 'insecure-registries': readonly string[];
  /** Told by the event of a reload, the same way. */
  readonly 'max-concurrent-downloads': number;
  readonly 'max-concurrent-uploads': number;
  readonly 'max-download-attempts': number;
  /** `default` or user[:group], whose ids of subuid(5) and subgid(5) containers get; empty: the host's ids. */
  readonly 'userns-remap': string;
  /** Containers go on when the engine stops; false: they are stopped first, as by dockerd, and their policies start them again. */
  readonly 'live-restore': boolean;
  /** Seconds that all containers together may take to stop where live-restore is false; -1: no limit. One with a longer time-out of its own has that. */
  readonly 'shutdown-timeout': number;
  /** Parent cgroup, cgroup namespace (private or host; empty: by the cgroup version) and ipc mode (private or shareable) of containers that do not say. */
  readonly 'cgroup-parent': string;
  readonly 'default-cgroupns-mode': string;
  readonly 'default-ipc-mode': string;
  /** Limits that containers have beside their own, by name: {Name, Soft, Hard}. */
  readonly 'default-ulimits': Readonly<Record<string, unknown>>;
  /** no-new-privileges for containers that do not say. */
  readonly 'no-new-privileges': boolean;
  /** Seccomp profile of containers that name none: empty or builtin, unconfined, or the path of a file. */
  readonly 'seccomp-profile': string;
  /** Program of --init; empty: the one that comes along. */
  readonly 'init-path': string;
  /** Folders of the descriptions of devices (CDI) that containers may ask for by name; none: no such devices. */
  readonly 'cdi-spec-dirs': readonly string[];
  /** Options of networks that are made without them, by driver: {bridge: {com.docker.network.driver.mtu: 1400}}. */
  readonly 'default-network-opts': Readonly<Record<string, unknown>>;
  /**
   * Kubernetes beside docker: the namespace of gantry-cri, whose images docker's containers are made from without a pull (empty: they are not), and whether
   * containers of pods are in docker's lists, where nothing can be done to them.
   */
  readonly cri: { readonly namespace?: string; readonly visible?: boolean };
  /** Where plugins of Docker's leave word of themselves, and where those of logs find the FIFOs that they read. */
  readonly plugins: PluginPlaces & { readonly logging: string };
  /** File that holds the engine's identity; empty: engine-id in the service's data. */
  readonly 'engine-id-file': string;
  /** Shown by docker info and version. */
  readonly experimental: boolean;
  /** What bounds the events that `docker events --since` answers from: their number, and their bytes. */
  readonly 'event-journal': { readonly 'max-events': number; readonly 'max-size': number };
  /** What calls may do over the sockets of gateway.yaml that have a name: {ci: {read-only: true, verbs: [containers.*], labels: [team=ci]}}. */
  readonly 'socket-scopes': Readonly<Record<string, unknown>>;
}

export const defaults: SupervisorConfig = {
  'default-runtime': DEFAULT_RUNTIME,
  runtimes: {},
  namespace: 'gantry',
  'log-driver': 'json-file',
  'log-opts': {},
  'log-bound': { 'max-size': '100m', 'max-file': 5 },
  init: false,
  dns: [],
  'dns-search': [],
  'dns-opts': [],
  'resolv-conf': '/etc/resolv.conf',
  'host-gateway-ip': [],
  'default-bridge': true,
  'default-shm-size': 64 * 1024 * 1024,
  'default-stop-timeout': 10,
  labels: [],
  'registry-mirrors': [],
  'insecure-registries': [],
  'max-concurrent-downloads': 3,
  'max-concurrent-uploads': 5,
  'max-download-attempts': 5,
  'userns-remap': '',
  'live-restore': true,
  'shutdown-timeout': 15,
  'cgroup-parent': '',
  'default-cgroupns-mode': '',
  'default-ipc-mode': 'private',
  'default-ulimits': {},
  'no-new-privileges': false,
  'seccomp-profile': '',
  'init-path': '',
  'cdi-spec-dirs': ['/etc/cdi', '/var/run/cdi'],
  'default-network-opts': {},
  cri: { namespace: 'k8s.io', visible: false },
  plugins: { ...defaultPlaces, logging: '/run/docker/logging' },
  'engine-id-file': '',
  experimental: false,
  'event-journal': { 'max-events': DEFAULT_BOUNDS.events, 'max-size': DEFAULT_BOUNDS.bytes },
  'socket-scopes': {},
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

/** What is left out of it is as it was. */
export const logBound = (config: Pick<SupervisorConfig, 'log-bound'>): LogBound | undefined =>
  readBound({ ...defaults['log-bound'], ...config['log-bound'] });

/** The seccomp profile of containers that name none; undefined: docker's own. */
export function seccompProfile(config: Pick<SupervisorConfig, 'seccomp-profile'>): SeccompProfile | 'unconfined' | undefined {
  const name = config['seccomp-profile'];
  if (name === '' || name === 'builtin') return undefined;
  if (name === 'unconfined') return name;
  try {
    return parseSeccompProfile(readFileSync(name, 'utf8'));
  } catch (error) {
    throw invalidArgument(`seccomp-profile "${name}" cannot be used: ${errorText(error)}`, { cause: error });
  }
}

/** Limits as docker's HostConfig has them. Throws invalidArgument that names the key. */
export function defaultUlimits(config: Pick<SupervisorConfig, 'default-ulimits'>): HostConfig['Ulimits'] {
  return Object.entries(config['default-ulimits']).map(([name, value]) => {
    const { Name, Soft, Hard, ...rest } = (value ?? {}) as Record<string, unknown>;
    const whole = Number.isSafeInteger(Soft) && Number.isSafeInteger(Hard);
    if (!whole || (Name !== undefined && Name !== name) || Object.keys(rest).length > 0)
      throw invalidArgument(`default-ulimits.${name} must be {Name: ${name}, Soft: number, Hard: number}`);
    return { Name: name, Soft: BigInt(Soft as number), Hard: BigInt(Hard as number) };
  });
}

/** Options of networks by driver. Throws invalidArgument that names the key. */
export function networkOptions(config: Pick<SupervisorConfig, 'default-network-opts'>): Record<string, Record<string, string>> {
  return Object.fromEntries(
    Object.entries(config['default-network-opts']).map(([driver, value]) => {
      const options = Object.entries((value ?? {}) as object);
      if (typeof value !== 'object' || options.some(([, each]) => typeof each === 'object'))
        throw invalidArgument(`default-network-opts.${driver} must be a map of words`);
      return [driver, Object.fromEntries(options.map(([key, each]) => [key, String(each)]))];
    }),
  );
}

/** What is left out of it is as it was. Throws invalidArgument that names the key. */
export function criOf(config: Pick<SupervisorConfig, 'cri'>): { readonly namespace: string; readonly visible: boolean } {
  const { namespace = 'k8s.io', visible = false, ...rest } = config.cri;
  const [other] = Object.keys(rest);
  if (other !== undefined) throw invalidArgument(`cri.${other} is not known`);
  if (namespace !== '' && !NAMESPACE.test(namespace)) throw invalidArgument(`cri.namespace "${namespace}" is not a valid name`);
  if (typeof visible !== 'boolean') throw invalidArgument('cri.visible is neither true nor false');
  if (visible && namespace === '') throw invalidArgument('cri.visible needs cri.namespace');
  return { namespace, visible };
}

const NAMESPACE = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;

/** Refuses a default log driver, or an option of it, that is not honoured. */
export function checkDefaultLog(config: Pick<SupervisorConfig, 'log-driver' | 'log-opts'>, isPlugin: (name: string) => boolean): void {
  named(() => validateLogConfig({ Type: config['log-driver'], Config: logOptions(config) }, isPlugin), 'failed to set log opts: ');
}

/** Refuses values that have the right type and make no sense. */
export function checkConfig(config: SupervisorConfig): void {
  runtimeTable(config);
  checkDefaultLog(config, () => true); // which plugins there are is known when the engine starts
  logBound(config);
  criOf(config);
  if (!NAMESPACE.test(config.namespace)) throw invalidArgument(`namespace "${config.namespace}" is not a valid name`);
  seccompProfile(config);
  defaultUlimits(config);
  networkOptions(config);
  const { 'default-cgroupns-mode': cgroupns, 'default-ipc-mode': ipc } = config;
  if (!['', 'private', 'host'].includes(cgroupns))
    throw invalidArgument(`default cgroup namespace mode (${cgroupns}) is invalid; use "host" or "private"`);
  if (!['private', 'shareable'].includes(ipc)) {
    const wrong = ipc === 'host' || ipc === 'none' || ipc.startsWith('container:') ? 'not supported' : 'invalid';
    throw invalidArgument(`default IPC mode setting (${ipc}) is ${wrong}; use "shareable" or "private"`);
  }
  if (config['init-path'] !== '' && !isAbsolute(config['init-path']))
    throw invalidArgument(`init-path "${config['init-path']}" is not an absolute path`);
  for (const path of config['cdi-spec-dirs'])
    if (!isAbsolute(path)) throw invalidArgument(`cdi-spec-dirs: "${path}" is not an absolute path`);
  if (!Number.isSafeInteger(config['shutdown-timeout']) || config['shutdown-timeout'] < -1)
    throw invalidArgument(`shutdown-timeout ${config['shutdown-timeout']} is not a number of seconds, or -1`);
  readScopes(config['socket-scopes']);
  for (const [key, value] of Object.entries(config['event-journal']))
    if (!Number.isSafeInteger(value) || value < 1)
      throw invalidArgument(`event-journal.${key} ${value} is not a whole number of one or more`);
  for (const key of ['default-shm-size', 'default-stop-timeout'] as const) {
    if (!Number.isSafeInteger(config[key]) || config[key] < 0)
      throw invalidArgument(`${key} ${config[key]} is not a whole number of zero or more`);
  }
  for (const key of ['labels', 'dns', 'dns-search', 'dns-opts', 'registry-mirrors', 'insecure-registries'] as const) {
    for (const value of config[key]) if (typeof value !== 'string') throw invalidArgument(`${key} must be a list of strings`);
  }
}
