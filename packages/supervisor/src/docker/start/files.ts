import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import type { DockerContainer } from '../records';
import { containerDir } from '../../core/places';
import type { Uses } from '../engine';
import { isRunning } from '../../core/phases';
import { isLinkedTo, linkHosts } from '../connect/links';
import { isPredefined } from '../create/networks';

type Needs = Uses<{
  settings: 'dataRoot' | 'dns' | 'dnsOptions' | 'dnsSearch' | 'resolvConf';
  records: 'getDocker' | 'listDocker' | 'requireDocker' | 'updateDocker';
}>;

const HOSTS_HEAD =
  '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n';
/** Where the embedded resolver of user-defined networks listens. */
const EMBEDDED_DNS = '127.0.0.11';
/** For a host whose own resolvers are all on loopback, as docker has it. */
const PUBLIC_DNS = ['8.8.8.8', '8.8.4.4'];

export interface NetworkFiles {
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
}

export function networkFiles(engine: Needs, id: string): NetworkFiles {
  const directory = containerDir(engine, id);
  return { hosts: join(directory, 'hosts'), hostname: join(directory, 'hostname'), resolvConf: join(directory, 'resolv.conf') };
}

/** A container has new addresses: those that are linked to it, and run, find it under them. */
export function refreshLinked(engine: Needs, id: string): void {
  for (const other of engine.records.listDocker())
    if (isRunning(other.docker) && isLinkedTo(other.docker, id)) writeHosts(engine, other.id, other.docker, other.docker.hostGatewayIps);
}

/** Makes the three files of a container before its start; addresses follow with writeHosts. The files keep their inodes: they are bind mounted. */
export function writeNetworkFiles(
  engine: Needs,
  id: string,
  docker: DockerContainer,
  hostname: string,
  hostGateway: readonly string[],
): void {
  const files = networkFiles(engine, id);
  mkdirSync(containerDir(engine, id), { recursive: true, mode: 0o700 });
  writeFileSync(files.hostname, `${hostname}\n`, { mode: 0o644 });
  writeFileSync(files.resolvConf, resolvConf(engine, docker), { mode: 0o644 });
  writeHosts(engine, id, docker, hostGateway);
}

/** The hosts file: docker's head, --add-host, then the container's own addresses; the host's own file with --network host. */
export function writeHosts(engine: Needs, id: string, docker: DockerContainer, hostGateway: readonly string[]): void {
  const host = docker.hostConfig;
  const extra = (host?.ExtraHosts ?? []).map((entry) => extraHost(entry, hostGateway));
  const head = host?.NetworkMode === 'host' ? readHost('/etc/hosts', HOSTS_HEAD) : HOSTS_HEAD;
  const own = Object.values(docker.endpoints).flatMap((endpoint) =>
    addressesOf(endpoint).map((address) => `${address}\t${ownNames(docker)}\n`),
  );
  writeFileSync(networkFiles(engine, id).hosts, [head, ...extra, ...linkHosts(engine, docker), ...own].join(''), { mode: 0o644 });
}

function ownNames(docker: DockerContainer): string {
  const { Hostname: name = '', Domainname: domain = '' } = docker.config ?? {};
  if (domain !== '') return `${name}.${domain} ${name}`;
  return name.includes('.') ? `${name} ${name.split('.', 1)[0] ?? ''}` : name;
}

function addressesOf(endpoint: EndpointSettings): string[] {
  return [endpoint.IPAddress, endpoint.GlobalIPv6Address].filter((address) => address !== '');
}

/** One line, or one of each family for the host's gateway. */
function extraHost(entry: string, hostGateway: readonly string[]): string {
  const at = entry.search(/[:=]/);
  const [name, value] = [entry.slice(0, at), entry.slice(at + 1).replace(/^\[(.*)\]$/, '$1')];
  const addresses = value === 'host-gateway' ? hostGateway : [value];
  if (addresses.length === 0) throw invalidArgument('unable to derive the IP value for host-gateway');
  if (!addresses.every((address) => isIP(address) !== 0)) throw invalidArgument(`invalid IP address in add-host: "${value}"`);
  return addresses.map((address) => `${address}\t${name}\n`).join('');
}

/** True when the container's names are resolved by the network service's own server. */
export function usesEmbeddedDns(docker: DockerContainer): boolean {
  return Object.keys(docker.endpoints).some((name) => !isPredefined(name));
}

/** Resolvers that the container asked for, or the configured or the host's own. */
export function resolversOf(engine: Needs, docker: DockerContainer, hostLines = hostResolver(engine)): string[] {
  const asked = docker.hostConfig?.Dns ?? [];
  if (asked.length > 0) return [...asked];
  if (engine.settings.dns.length > 0) return [...engine.settings.dns];
  return hostLines('nameserver');
}

/** Words of the host's own file, by keyword; it is read once, when the first are asked for. */
function hostResolver(engine: Needs): (keyword: string) => string[] {
  let lines: string[][] | undefined;
  return (keyword) => {
    lines ??= hostResolvConf(engine)
      .split('\n')
      .map((line) => line.split(/\s+/));
    return lines
      .filter(([first, second]) => first === keyword && second !== undefined)
      .flatMap((words) => words.slice(1))
      .filter((word) => word !== '');
  };
}

/** systemd-resolved's stub is of no use inside a container: its own file of real resolvers is read instead. */
function hostResolvConf({ settings }: Needs): string {
  const text = readHost(settings.resolvConf, '');
  return (/^nameserver\s+127\.0\.0\.53\s*$/m.test(text) && readHost('/run/systemd/resolve/resolv.conf', '')) || text;
}

export function resolvConf(engine: Needs, docker: DockerContainer): string {
  const host = docker.hostConfig;
  const mode = host?.NetworkMode ?? '';
  const embedded = usesEmbeddedDns(docker);
  const hostLines = hostResolver(engine);
  const isLoopback = (address: string): boolean => /^127\.|^::1$/.test(address);
  const asked = (host?.Dns ?? []).length > 0 || engine.settings.dns.length > 0;
  const upstream = resolversOf(engine, docker, hostLines).filter((address) => asked || mode === 'host' || !isLoopback(address));
  const servers = embedded ? [EMBEDDED_DNS] : upstream.length > 0 || mode === 'none' ? upstream : PUBLIC_DNS;
  const first = (...lists: (readonly string[] | undefined)[]): readonly string[] =>
    lists.find((list) => list !== undefined && list.length > 0) ?? [];
  const search = first(host?.DnsSearch, engine.settings.dnsSearch, hostLines('search')).filter((domain) => domain !== '.');
  const options = [...first(host?.DnsOptions, engine.settings.dnsOptions, hostLines('options'))];
  if (embedded && !options.some((option) => option.startsWith('ndots:'))) options.push('ndots:0');
  return [
    '# Generated by gantry for this container.',
    ...servers.map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

function readHost(path: string, fallback: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return fallback;
  }
}
