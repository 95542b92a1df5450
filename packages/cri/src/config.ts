import { isIP } from 'node:net';
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
  /** Where clients of exec, attach and port-forward come with the addresses that kubelet was given for them. */
  readonly 'stream-server-address': string;
  /** 0: any free one. */
  readonly 'stream-server-port': number;
}

export const defaults: CriConfig = {
  namespace: 'k8s.io',
  'cgroup-driver': 'cgroupfs',
  'pod-network': 'bridge',
  'stream-server-address': '127.0.0.1',
  'stream-server-port': 0,
};

export const flags: FlagTable = {
  namespace: { type: 'string', value: 'NAME', help: 'containerd namespace of images, pods and containers (default k8s.io)' },
  'cgroup-driver': { type: 'string', value: 'NAME', help: 'cgroupfs (default) or systemd: as kubelet is told' },
};

const NAME = /^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/;

/** Refuses values that have the right type and make no sense. */
export function checkConfig(config: CommonConfig & CriConfig): void {
  if (!NAME.test(config.namespace)) throw invalidArgument(`namespace "${config.namespace}" is not a valid name`);
  if (!['cgroupfs', 'systemd'].includes(config['cgroup-driver']))
    throw invalidArgument(`cgroup-driver "${config['cgroup-driver']}" is neither cgroupfs nor systemd`);
  if (config['pod-network'] === '') throw invalidArgument('pod-network must be named');
  if (isIP(config['stream-server-address']) === 0)
    throw invalidArgument(`stream-server-address "${config['stream-server-address']}" is not an IP address`);
  const port = config['stream-server-port'];
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw invalidArgument(`stream-server-port ${port} is not between 0 and 65535`);
}
