import { join } from 'node:path';
import { invalidArgument } from '@gantry/rpc';
import type { Flags } from './command-line';
import type { DockerdOption } from './option';
import { dockerdOptions } from './options';
import { Plan } from './plan';
import type { Value } from './values';

const DEFAULT_HOST = 'unix:///var/run/docker.sock';
const DEFAULT_TLS_HOST = 'tcp://localhost:2376';

/** Options that others read: these first. */
const FIRST = ['log-level'];

export interface Said {
  readonly flags: Flags;
  readonly keys: ReadonlyMap<string, Value>;
  /** Folder of the certificates that are not named. */
  readonly certificates: string;
  /** File of the host's resolvers, where it is not the usual one. */
  readonly resolvConf?: string;
}

/** What flags and keys come to. Errors: invalidArgument with the name as the user wrote it. */
export function makePlan({ flags, keys, certificates, resolvConf = '' }: Said): Plan {
  const plan = new Plan();
  for (const option of [...dockerdOptions].sort((a, b) => rank(a) - rank(b))) {
    const { flag, key } = option;
    const said = flag === undefined ? undefined : flags.get(flag);
    const written = key === undefined ? undefined : keys.get(key);
    if (said !== undefined) option.take(plan, said, `--${flag ?? ''}`);
    else if (written !== undefined) option.take(plan, written, `"${key ?? ''}"`);
  }
  plan.set('supervisor', 'engine-id-file', join(plan.root, 'engine-id'));
  const { tls } = plan;
  if (tls.verify) tls.on = true;
  plan.set(
    'gateway',
    'hosts',
    (plan.hosts.length === 0 ? [''] : plan.hosts).map((host) => fullHost(host, tls.on)),
  );
  plan.set('gateway', 'tls', tls.on);
  plan.set('gateway', 'tlsverify', tls.verify);
  if (tls.on) {
    plan.set('gateway', 'tlscert', tls.cert || `${certificates}/cert.pem`);
    plan.set('gateway', 'tlskey', tls.key || `${certificates}/key.pem`);
    plan.set('gateway', 'tlscacert', tls.ca || `${certificates}/ca.pem`);
  }
  if (plan.bridgeDevice !== '') {
    plan.set('network', 'bridge.name', plan.bridgeDevice);
    plan.set('network', 'bridge.foreign', true);
    plan.set('network', 'bridge.shared', '');
  }
  for (const [{ address, range, gateway }, suffix] of [
    [plan.bridge, ''],
    [plan.bridge6, '-v6'],
  ] as const) {
    plan.set('network', `bridge.subnet${suffix}`, plan.bridgeDevice === '' ? address : '');
    plan.set('network', `bridge.range${suffix}`, range);
    plan.set('network', `bridge.gateway${suffix}`, gateway);
  }
  if (resolvConf !== '') for (const service of ['supervisor', 'network', 'build'] as const) plan.set(service, 'resolv-conf', resolvConf);
  const folders = plan.devices.on ? plan.devices.folders : [];
  if (folders !== undefined) for (const service of ['supervisor', 'build'] as const) plan.set(service, 'cdi-spec-dirs', folders);
  for (const tree of Object.values(plan.services)) Object.assign(tree, { 'log-level': plan.logLevel, root: plan.root, run: plan.run });
  return plan;
}

/** A bridge of the host's has addresses of its own. As dockerd has it, that is no fault of the options, but keeps the engine from starting. */
export function refuseTwoAddresses({ bridgeDevice, bridge, bridge6 }: Pick<Plan, 'bridgeDevice' | 'bridge' | 'bridge6'>): void {
  for (const [{ address }, name] of [
    [bridge, 'bip'],
    [bridge6, 'bip6'],
  ] as const)
    if (bridgeDevice !== '' && address !== '')
      throw invalidArgument(`You specified -b & --${name}, mutually exclusive options. Please specify only one`);
}

const rank = ({ flag = '' }: DockerdOption): number => (FIRST.includes(flag) ? 0 : 1);

/** An address in full: the scheme and the port may be left out. As dockerd has it, who asks for TLS and for no address means TCP. */
export function fullHost(text: string, tls: boolean): string {
  const value = text.trim();
  if (value === '') return tls ? DEFAULT_TLS_HOST : DEFAULT_HOST;
  const [, scheme = 'tcp', rest = value] = /^([a-z]+):\/\/(.*)$/s.exec(value) ?? [];
  if (scheme === 'fd') return value;
  if (scheme === 'unix') return rest === '' ? DEFAULT_HOST : `unix://${rest}`;
  if (scheme !== 'tcp') throw invalidArgument(`invalid bind address (${text}): unix, tcp and fd are possible`);
  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?\/?$/.exec(rest) ?? [];
  return `tcp://${host === '' ? 'localhost' : host}:${port ?? (tls ? 2376 : 2375)}`;
}
