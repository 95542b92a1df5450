import type { Endpoint, PortRequest } from '@gantry/api/gantry/network/v1/network';
import { ConnectRequest } from '@gantry/api/gantry/network/v1/network';
import { EndpointSettings, type PortBindings } from '@gantry/api/gantry/engine/v1/types';
import { type CallContext, GantryError, asGantryError, suboperation } from '@gantry/rpc';
import { patiently } from '../../core/patience';
import type { DockerContainer } from '../records';
import type { Uses } from '../engine';
import type { DockerEvents } from '../events';
import { resolversOf } from '../start/files';
import { isPredefined } from '../create/networks';
import { driverOf } from './driver-of';
import { parsePort } from '../validate/validate-config';

type Needs = Uses<{
  settings: 'dataRoot' | 'dns' | 'dnsOptions' | 'dnsSearch' | 'resolvConf';
  records: 'findDocker' | 'getDocker' | 'listDocker' | 'requireDocker' | 'updateDocker';
  events: 'emit';
  network: 'connect';
}>;

/** What being connected adds to docker's view. */
export type Connected = Pick<DockerContainer, 'endpoints' | 'ports' | 'networkOrder' | 'networkDrivers' | 'askedMacs'>;

/**
 * Connects a container that has just been made to all its networks, in docker's order: by GwPriority, then by name. The network service gives the
 * default route and the ports to the first one that leads outside.
 */
export async function connectNetworks(
  engine: Needs,
  ctx: CallContext,
  id: string,
  docker: DockerContainer,
  pid: number,
): Promise<Connected> {
  const endpoints: Record<string, EndpointSettings> = {};
  const networkOrder: string[] = [];
  const networkDrivers: Record<string, string> = {};
  const askedMacs: Record<string, string> = {};
  let ports: Record<string, PortBindings> = {};
  for (const name of docker.networkOrder.toSorted((a, b) => compareNetworks(docker, a, b))) {
    const settings = docker.endpoints[name] ?? EndpointSettings.create();
    const connected = await connectOne(engine, ctx, { id, docker, pid, name, settings, running: false });
    endpoints[connected.name] = connected.settings;
    networkOrder.push(connected.name);
    networkDrivers[connected.name] = connected.driver;
    if (settings.MacAddress !== '') askedMacs[connected.name] = settings.MacAddress;
    ports = connected.ports ?? ports;
  }
  return { endpoints, ports, networkOrder, networkDrivers, askedMacs };
}

function compareNetworks({ endpoints }: DockerContainer, a: string, b: string): number {
  const priority = (name: string): number => Number(endpoints[name]?.GwPriority ?? 0);
  return priority(b) - priority(a) || (a < b ? -1 : a > b ? 1 : 0);
}

/** Whether this is the network of NetworkMode, which may be said by id. */
function isOwn({ hostConfig }: DockerContainer, name: string, { NetworkID: id }: EndpointSettings): boolean {
  const mode = hostConfig?.NetworkMode ?? '';
  return mode !== '' && (name === mode || id.startsWith(mode));
}

interface Connection {
  readonly id: string;
  readonly docker: DockerContainer;
  readonly pid: number;
  readonly name: string;
  readonly settings: EndpointSettings;
  /** It is not being started: it runs already. */
  readonly running: boolean;
}

interface ConnectedOne {
  readonly name: string;
  readonly driver: string;
  readonly settings: EndpointSettings;
  /** What is published now, if it is published by way of this endpoint; nothing is then published by way of others. */
  readonly ports: Record<string, PortBindings> | undefined;
}

/** One endpoint. Errors carry docker's words around those of the network service. */
export async function connectOne(engine: Needs, ctx: CallContext, connection: Connection): Promise<ConnectedOne> {
  const { id, docker, pid, name, settings } = connection;
  const links: Record<string, string> = {};
  for (const link of [...settings.Links, ...(name !== 'bridge' && isOwn(docker, name, settings) ? (docker.hostConfig?.Links ?? []) : [])]) {
    const [target = '', alias = target] = link.split(':');
    links[alias] = engine.records.findDocker(target)?.id ?? target; // a name that nobody has yet is looked up when it is asked for
  }
  try {
    const request = ConnectRequest.fromPartial({
      networkRef: name,
      sandboxId: id,
      netnsPath: `/proc/${pid}/ns/net`,
      containerName: docker.name,
      hostname: docker.config?.Hostname ?? '',
      domainname: docker.config?.Domainname ?? '',
      aliases: settings.Aliases,
      ipAddress: settings.IPAMConfig?.IPv4Address ?? '',
      ipv6Address: settings.IPAMConfig?.IPv6Address ?? '',
      linkLocalIps: settings.IPAMConfig?.LinkLocalIPs ?? [],
      macAddress: settings.MacAddress,
      driverOptions: settings.DriverOpts,
      ports: portRequests(docker),
      dnsServers: isPredefined(name) ? [] : resolversOf(engine, docker),
      gatewayPriority: settings.GwPriority,
      links,
    });
    const operation = suboperation(ctx, `connect/${name}`);
    const ask = () => engine.network.connect(operation, request, { timeoutMs: 60_000 });
    // Asked again for the same operation it answers with what it has made.
    const { endpoint } = await (connection.running && operation.operationId !== '' ? patiently(ask) : ask());
    const driver = endpoint?.networkDriver ?? '';
    const attributes = { container: id, name: endpoint?.networkName ?? name, type: driver };
    engine.events.emit({ type: 'network', action: 'connect', id: endpoint?.networkId ?? '', attributes });
    return {
      name: endpoint?.networkName || name,
      driver,
      settings: settingsOf(settings, endpoint),
      ports: endpoint?.defaultRoute === true ? portsOf(endpoint) : undefined,
    };
  } catch (error) {
    const failure = asGantryError(error);
    const settingsFault = failure.meta['fault'] === 'endpoint settings';
    const where = connection.running
      ? ''
      : settingsFault
        ? `invalid config for network ${name}: `
        : 'failed to set up container networking: ';
    throw new GantryError(
      failure.kind === 'conflict' || failure.kind === 'alreadyExists' ? 'internal' : failure.kind,
      `${where}${settingsFault ? 'invalid endpoint settings:\n' : ''}${failure.message}`,
      { cause: error, meta: failure.meta },
    );
  }
}

/** The asked settings with what the network gave. */
export function settingsOf(asked: EndpointSettings, endpoint: Endpoint | undefined): EndpointSettings {
  if (endpoint === undefined) return asked;
  return {
    ...asked,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.id,
    Gateway: endpoint.gateway,
    IPAddress: endpoint.ipAddress,
    IPPrefixLen: BigInt(endpoint.ipPrefixLen),
    IPv6Gateway: endpoint.ipv6Gateway,
    GlobalIPv6Address: endpoint.ipv6Address,
    GlobalIPv6PrefixLen: BigInt(endpoint.ipv6PrefixLen),
    MacAddress: endpoint.macAddress,
    DNSNames: endpoint.dnsNames,
  };
}

/** The networks that a container has an endpoint on, by name. */
export function connectedTo(docker: DockerContainer): [name: string, settings: EndpointSettings][] {
  return Object.entries(docker.endpoints).filter(([, settings]) => settings.EndpointID !== '');
}

/** docker's events of the networks that an ended container left. */
export function tellDisconnected({ events }: { readonly events: Pick<DockerEvents, 'emit'> }, id: string, docker: DockerContainer): void {
  for (const [name, settings] of connectedTo(docker)) {
    const attributes = { container: id, name, type: driverOf(docker, name) };
    events.emit({ type: 'network', action: 'disconnect', id: settings.NetworkID, attributes });
  }
}

/** What an endpoint is after it was given back: only what was asked stays. */
export function forgetEndpoints(docker: DockerContainer): DockerContainer {
  const endpoints = Object.fromEntries(
    Object.entries(docker.endpoints).map(([name, settings]) => [
      name,
      {
        ...settings,
        EndpointID: '',
        Gateway: '',
        IPAddress: '',
        IPPrefixLen: 0n,
        IPv6Gateway: '',
        GlobalIPv6Address: '',
        GlobalIPv6PrefixLen: 0n,
        MacAddress: docker.askedMacs[name] ?? formerMac(docker, name),
      },
    ]),
  );
  return { ...docker, endpoints, ports: {} };
}

/** Older records knew of an address for the whole container alone. */
const formerMac = ({ config, hostConfig }: DockerContainer, name: string): string =>
  name === hostConfig?.NetworkMode ? (config?.MacAddress ?? '') : '';

/** What is published by way of an endpoint. */
export function portsOf(endpoint: Endpoint | undefined): Record<string, PortBindings> {
  const result: Record<string, PortBindings> = {};
  for (const port of endpoint?.ports ?? []) {
    (result[`${port.containerPort}/${port.protocol}`] ??= { items: [] }).items.push({
      HostIp: port.hostIp,
      HostPort: port.hostPort === 0 ? '' : String(port.hostPort),
    });
  }
  return result;
}

/** -p and -P as requests. A port without bindings, or with one that names no host port, gets any free one. */
export function portRequests(docker: DockerContainer): PortRequest[] {
  const host = docker.hostConfig;
  if (host === undefined) return [];
  const requests: PortRequest[] = [];
  const named = new Set<string>();
  for (const [text, bindings] of Object.entries(host.PortBindings)) {
    const { port, protocol } = parsePort(text);
    named.add(`${port}/${protocol}`);
    for (const { HostIp: hostIp, HostPort: hostPort } of bindings.items.length > 0 ? bindings.items : [{ HostIp: '', HostPort: '' }]) {
      const [first = '', last = first] = hostPort.split('-');
      requests.push({ protocol, containerPort: port, hostIp, hostPort: Number(first || 0), hostPortEnd: Number(last || 0) });
    }
  }
  if (!host.PublishAllPorts) return requests;
  for (const text of Object.keys(docker.config?.ExposedPorts ?? {})) {
    const { port, protocol } = parsePort(text);
    if (!named.has(`${port}/${protocol}`)) requests.push({ protocol, containerPort: port, hostIp: '', hostPort: 0, hostPortEnd: 0 });
  }
  return requests;
}
