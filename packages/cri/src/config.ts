import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { invalidArgument } from '@gantry/rpc';
import type { CommonConfig, FlagTable } from '@gantry/service';

/** Set by the build. */
export const version = process.env['GANTRY_VERSION'] ?? '0.0.0';

/** Keys of cri.yaml beside the common ones. */
export interface CriConfig {
  /** containerd namespace of Kubernetes' images, pods and containers. */
  readonly namespace: string;
  /** Who makes the pods' cgroups, as kubelet is told: cgroupfs or systemd. */
  readonly 'cgroup-driver': string;
  /** Network of pods where no CNI configuration says another: a network of the engine by name. */
  readonly 'pod-network': string;
  /** Runtimes of the supervisor by what RuntimeClasses call them, beside the built-in ones; an empty one takes such a name away. */
  readonly 'runtime-handlers': Readonly<Record<string, string>>;
  /** Where devices are described that pods may ask for by name (CDI); none: no such devices. */
  readonly 'cdi-spec-dirs': readonly string[];
  /** Where clients of exec, attach and port-forward come with the addresses that kubelet was given for them. */
  readonly 'stream-server-address': string;
  /** 0: any free one. */
  readonly 'stream-server-port': number;
}

export const defaults: CriConfig = {
  namespace: 'k8s.io',
  'cgroup-driver': 'cgroupfs',
  'pod-network': 'bridge',
  'runtime-handlers': {},
  'cdi-spec-dirs': ['/etc/cdi', '/var/run/cdi'],
  'stream-server-address': '127.0.0.1',
  'stream-server-port': 0,
};

export const flags: FlagTable = {
  namespace: { type: 'string', value: 'NAME', help: 'containerd namespace of images, pods and containers (default k8s.io)' },
  'cgroup-driver': { type: 'string', value: 'NAME', help: 'cgroupfs (default) or systemd: as kubelet is told' },
};

/** The handler of pods that name none. */
export const DEFAULT_HANDLER = 'runc';

/** Handlers that need no configuration: runtimes that the supervisor knows without one. */
const BUILT_IN: Readonly<Record<string, string>> = {
  [DEFAULT_HANDLER]: 'runc',
  gantry: 'gantry',
  'runc-binary': 'runc-binary',
  crun: 'crun',
};

/** The supervisor's runtimes by handler. */
export function handlersOf(config: Pick<CriConfig, 'runtime-handlers'>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries({ ...BUILT_IN, ...config['runtime-handlers'] }).filter(([, runtime]) => runtime !== ''));
}

const NAME = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;

/** Refuses values that have the right type and make no sense. */
export function checkConfig(config: CommonConfig & CriConfig): void {
  if (!NAME.test(config.namespace)) throw invalidArgument(`namespace "${config.namespace}" is not a valid name`);
  if (!['cgroupfs', 'systemd'].includes(config['cgroup-driver']))
    throw invalidArgument(`cgroup-driver "${config['cgroup-driver']}" is neither cgroupfs nor systemd`);
  if (config['pod-network'] === '') throw invalidArgument('pod-network must be named');
  for (const [name, runtime] of Object.entries(config['runtime-handlers']))
    if (!NAME.test(name) || typeof runtime !== 'string')
      throw invalidArgument(`runtime-handlers.${name} must be a handler's name and a runtime's`);
  if (config['runtime-handlers'][DEFAULT_HANDLER] === '')
    throw invalidArgument(`runtime-handlers.${DEFAULT_HANDLER}: pods without a RuntimeClass have it`);
  for (const path of config['cdi-spec-dirs'])
    if (typeof path !== 'string' || !isAbsolute(path)) throw invalidArgument(`cdi-spec-dirs: "${path}" is not an absolute path`);
  if (isIP(config['stream-server-address']) === 0)
    throw invalidArgument(`stream-server-address "${config['stream-server-address']}" is not an IP address`);
  const port = config['stream-server-port'];
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw invalidArgument(`stream-server-port ${port} is not between 0 and 65535`);
}
