import { isAbsolute } from 'node:path';
import { invalidArgument } from '@gantry/rpc';
import { type LogLevel, logLevels } from '@gantry/service';
import { also, as, both, type DockerdOption, noted, refused } from './option';
import type { Plan } from './plan';
import type { Value } from './values';

const OWN = "Gantry's own supervisor, which serves containerd's API at supervisor.sock of the exec root";

const folder =
  (key: 'root' | 'run'): DockerdOption['take'] =>
  (plan, value, name) => {
    if (value === '') return;
    if (!isAbsolute(String(value))) throw invalidArgument(`${name} "${String(value)}" is not an absolute path`);
    plan[key] = String(value);
  };

const tls =
  (key: 'ca' | 'cert' | 'key'): DockerdOption['take'] =>
  (plan, value) =>
    void (plan.tls[key] = String(value));

function logLevel(plan: Plan, value: Value, name: string): void {
  if (value === '') return;
  if (!(logLevels as readonly unknown[]).includes(value)) throw invalidArgument(`invalid logging level: ${name} "${String(value)}"`);
  plan.logLevel = value as LogLevel;
}

/** The process: where it lives, listens, logs and keeps its state. */
export const hostOptions: readonly DockerdOption[] = [
  { flag: 'config-file', type: 'string', help: 'configuration file (default /etc/docker/daemon.json)', take: () => undefined },
  {
    flag: 'host',
    short: 'H',
    key: 'hosts',
    type: 'list',
    help: 'unix://, tcp:// or fd:// to serve the API at; may be repeated',
    take: (plan, value) => void (plan.hosts = value as readonly string[]),
  },
  both('group', { short: 'G', type: 'string', help: 'group of the unix sockets (default docker)', take: as('gateway', 'group') }),
  both('tls', { type: 'bool', help: 'use TLS; implied by tlsverify', take: (plan, value) => void (plan.tls.on ||= value === true) }),
  both('tlsverify', { type: 'bool', help: 'use TLS and verify clients', take: (plan, value) => void (plan.tls.verify = value === true) }),
  both('tlscacert', { type: 'string', help: 'trust certificates of this authority only', take: tls('ca') }),
  both('tlscert', { type: 'string', help: "the server's certificate", take: tls('cert') }),
  both('tlskey', { type: 'string', help: "the server's key", take: tls('key') }),
  both('data-root', { type: 'string', help: 'durable state (default /var/lib/docker)', take: folder('root') }),
  both('exec-root', { type: 'string', help: 'sockets and run state (default /var/run/docker)', take: folder('run') }),
  both('pidfile', {
    short: 'p',
    type: 'string',
    help: 'file with the process id (default /var/run/docker.pid)',
    take: (plan, value) => void (plan.pidFile = String(value)),
  }),
  both('debug', {
    short: 'D',
    type: 'bool',
    help: 'log at level debug',
    reloads: 'or-stays',
    take: (plan, value) => void (plan.logLevel = value === true ? 'debug' : plan.logLevel),
  }),
  both('log-level', { short: 'l', type: 'string', help: 'debug, info, warn, error or fatal (default info)', take: logLevel }),
  both('log-format', {
    type: 'string',
    help: 'text or json (default text)',
    take: (plan, value, name) => {
      if (value !== 'text' && value !== 'json') throw invalidArgument(`invalid log format: ${name} "${String(value)}": it is text or json`);
      plan.logFormat = value;
    },
  }),
  both('raw-logs', {
    type: 'bool',
    help: 'log without colours on a terminal, too',
    take: (plan, value) => void (plan.rawLogs = value === true),
  }),
  both('metrics-addr', { type: 'string', help: 'HOST:PORT of /metrics', take: as('gateway', 'metrics-address') }),
  both('live-restore', {
    type: 'bool',
    help: 'containers go on when the engine stops',
    reloads: 'or-stays',
    take: as('supervisor', 'live-restore'),
  }),
  both('shutdown-timeout', {
    type: 'int',
    help: 'seconds for all containers to stop in (default 15)',
    reloads: 'or-stays',
    take: as('supervisor', 'shutdown-timeout'),
  }),
  { flag: 'label', key: 'labels', type: 'list', help: 'key=value label of the engine', reloads: 'or-stays', take: takeLabels },
  both('experimental', {
    type: 'bool',
    help: 'shown by docker info and version',
    take: (plan, value) => {
      plan.set('supervisor', 'experimental', value);
      plan.set('gateway', 'experimental', value);
    },
  }),
  { flag: 'feature', key: 'features', type: 'features', help: 'switch a feature', reloads: 'or-stays', take: takeFeatures },
  both('containerd', {
    type: 'string',
    help: `taken; it is ${OWN}`,
    take: noted((value, name) => `${name} ${String(value)}: it is ${OWN}`),
  }),
  both('containerd-namespace', {
    type: 'string',
    help: 'namespace of the containers in our supervisor (default moby)',
    take: noted(
      (value, name) => `${name} ${String(value)}: a namespace of ${OWN}`,
      also('build', 'namespace', as('supervisor', 'namespace')),
    ),
  }),
  both('containerd-plugins-namespace', {
    type: 'string',
    help: 'taken; managed plugins are in plugins.moby of our supervisor',
    take: noted((value, name) => `${name} ${String(value)}: managed plugins are in plugins.moby of ${OWN}`),
  }),
  both('cri-containerd', { type: 'bool', help: 'not supported', take: refused('run gantry-cri beside it', [false]) }),
  both('rootless', { type: 'bool', help: 'not supported', take: refused('run it as root, with userns-remap', [false]) }),
  both('selinux-enabled', {
    type: 'bool',
    help: 'not supported',
    take: refused('containers are not labelled; use seccomp and userns-remap', [false]),
  }),
  {
    flag: 'authorization-plugin',
    key: 'authorization-plugins',
    type: 'list',
    help: 'plugins that are asked of every request and of its answer',
    reloads: 'or-default',
    take: as('gateway', 'authorization-plugins'),
  },
  {
    flag: 'node-generic-resource',
    key: 'node-generic-resources',
    type: 'list',
    help: 'not supported',
    take: refused('this engine is no swarm node: leave it out'),
  },
  both('swarm-default-advertise-addr', {
    type: 'string',
    help: 'not supported',
    take: refused('this engine is no swarm node: leave it out'),
  }),
  both('network-control-plane-mtu', {
    type: 'int',
    help: 'not supported',
    take: refused('this engine is no swarm node: leave it out', [0, 1500]),
  }),
  { flag: 'validate', type: 'bool', help: 'check the configuration and exit', take: () => undefined },
  { flag: 'version', short: 'v', type: 'bool', help: 'print the version and exit', take: () => undefined },
  { flag: 'help', type: 'bool', help: 'print this and exit', take: () => undefined },
];

function takeLabels(plan: Plan, value: Value): void {
  const seen = new Map<string, string>();
  for (const label of value as readonly string[]) {
    const at = label.indexOf('=');
    if (at < 1) throw invalidArgument(`bad attribute format: ${label}`);
    const [key, text] = [label.slice(0, at), label.slice(at + 1)];
    if (seen.has(key) && seen.get(key) !== text)
      throw invalidArgument(`conflict labels for ${key}=${text} and ${key}=${seen.get(key) ?? ''}`);
    seen.set(key, text);
  }
  plan.set(
    'supervisor',
    'labels',
    [...seen].map(([key, text]) => `${key}=${text}`),
  );
}

/** What a feature may be, and what to do when another is wanted. */
const FEATURES: Readonly<Record<string, { readonly is: boolean; readonly instead: string }>> = {
  'containerd-snapshotter': { is: true, instead: 'images are always kept as containerd keeps them' },
};

function takeFeatures(plan: Plan, value: Value, name: string): void {
  for (const [feature, on] of Object.entries(value)) {
    if (feature === 'cdi') {
      plan.devices.on = on === true;
      continue;
    }
    if (feature === 'buildkit') {
      plan.set('gateway', 'buildkit', on === true);
      continue;
    }
    const known = FEATURES[feature];
    if (known === undefined) throw invalidArgument(`${name}: feature "${feature}" is not known to Gantry: leave it out`);
    if (known.is !== on) throw invalidArgument(`${name}: "${feature}": ${String(on)} is not supported by Gantry: ${known.instead}`);
  }
}
