import { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import type { ContainerCreateBody } from '../shapes/containers';

/** The endpoint that what was said of the whole container is meant for; made where there is none. */
type Find = (body: ContainerCreateBody) => EndpointSettings;

const modeOf = (body: ContainerCreateBody): string => named(body.HostConfig?.NetworkMode ?? '');
const named = (mode: string): string => (mode === '' || mode === 'default' ? 'bridge' : mode);

/** Whether the container is to have an endpoint on the network of its mode. */
const hasEndpoint = (mode: string): boolean => mode !== 'host' && mode !== 'none' && !mode.startsWith('container:');

/** Before 1.44 there could be one only, under whatever name. */
export const anyEndpoint: Find = (body) => Object.values(body.NetworkingConfig?.EndpointsConfig ?? {})[0] ?? make(body);

/** Errors: invalidArgument where it cannot be told from the others. */
export const mainEndpoint: Find = (body) => {
  const all = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {});
  if (all.length === 0) return make(body);
  const found = all.find(([name]) => named(name) === modeOf(body))?.[1];
  if (found === undefined) throw invalidArgument('HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks');
  return found;
};

function make(body: ContainerCreateBody): EndpointSettings {
  const made = EndpointSettings.create();
  body.NetworkingConfig = { ...body.NetworkingConfig, EndpointsConfig: { [modeOf(body)]: made } };
  return made;
}

/** Gives the MAC address of the container to its endpoint; true when there was one. Without one, endpoints before 1.44 had none either. */
export function moveMac(body: ContainerCreateBody, find: Find): boolean {
  const mac = body.MacAddress ?? '';
  if (find === anyEndpoint) for (const each of Object.values(body.NetworkingConfig?.EndpointsConfig ?? {})) each.MacAddress = '';
  if (mac === '') return false;
  if (hasEndpoint(modeOf(body))) {
    const endpoint = find(body);
    if (endpoint.MacAddress !== '' && endpoint.MacAddress !== mac)
      throw invalidArgument(
        'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
      );
    endpoint.MacAddress = mac;
    body.MacAddress = undefined;
  } else if (find === anyEndpoint) throw invalidArgument('conflicting options: mac-address and the network mode');
  return true;
}

/** Option of an endpoint: settings of its interface, whose name nobody knows before. */
const OPTION = 'com.docker.network.endpoint.sysctls';
const INTERFACE = /^net\.([^.]*)\.([^.]*)\.(eth[^.]*)\.(.*)$/;

const interfaceSysctls = (body: ContainerCreateBody): [key: string, value: string, match: RegExpExecArray][] =>
  modeOf(body) === 'host' || modeOf(body).startsWith('container:')
    ? []
    : Object.entries(body.HostConfig?.Sysctls ?? {}).flatMap(([key, value]) => {
        const match = INTERFACE.exec(key);
        return match === null ? [] : [[key, value, match]];
      });

/** `net.ipv4.conf.eth0.forwarding`: an interface is made after the container's own sysctls are set, so this becomes an option of the endpoint. */
export function moveInterfaceSysctls(body: ContainerCreateBody, find: Find, warn: (warning: string) => void): void {
  const found = interfaceSysctls(body);
  if (found.length === 0) return;
  let endpoint: EndpointSettings;
  try {
    endpoint = find(body);
  } catch (error) {
    throw invalidArgument(
      `unable to find a network for sysctl ${found[0]?.[0]}: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    );
  }
  const stray = found.find(([, , match]) => match[3] !== 'eth0');
  if (stray !== undefined)
    throw invalidArgument(
      `unable to determine network endpoint for sysctl ${stray[0]}, use driver option '${OPTION}' to set per-interface sysctls`,
    );
  const moved = found.map(([, value, match]) => `net.${match[1]}.${match[2]}.IFNAME.${match[4]}=${value}`).join(',');
  warn(
    `Migrated sysctl ${JSON.stringify(found.map(([key]) => key).join(','))} to DriverOpts{${JSON.stringify(OPTION)}:${JSON.stringify(moved)}}.`,
  );
  const own = endpoint.DriverOpts[OPTION];
  endpoint.DriverOpts[OPTION] = own === undefined ? moved : `${moved},${own}`;
  for (const [key] of found) delete body.HostConfig?.Sysctls[key];
}

/** The endpoint is asked for them since 1.48. */
export function refuseInterfaceSysctls(body: ContainerCreateBody): void {
  const [found] = interfaceSysctls(body);
  if (found !== undefined)
    throw invalidArgument(`interface specific sysctl setting ${JSON.stringify(found[0])} must be supplied using driver option '${OPTION}'`);
}
