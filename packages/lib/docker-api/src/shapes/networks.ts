import type { EndpointSettings, Network, NetworkingConfig, NetworkSettings } from '@gantry/api/gantry/engine/v1/types';
import { type Codec, flag, int64, list, map, omitEmpty, optional, struct, text, versioned } from '../json/codec';
import { portBindings } from '../json/wrapped';
import { absent } from './container-config';

/** network.EndpointSettings: one container's place in one network. */
export const endpointSettings: Codec<EndpointSettings> = struct<EndpointSettings>('EndpointSettings', {
  IPAMConfig: optional(
    struct('EndpointIPAMConfig', { IPv4Address: omitEmpty(text), IPv6Address: omitEmpty(text), LinkLocalIPs: list(text, 'omit') }),
  ),
  Links: list(text),
  Aliases: list(text),
  MacAddress: text,
  DriverOpts: map(text, 'null'),
  GwPriority: versioned(int64('int'), { from: '1.48' }),
  NetworkID: text,
  EndpointID: text,
  Gateway: text,
  IPAddress: text,
  IPPrefixLen: int64('int'),
  IPv6Gateway: text,
  GlobalIPv6Address: text,
  GlobalIPv6PrefixLen: int64('int'),
  DNSNames: versioned(list(text), { from: '1.44' }),
});

export const networkingConfig: Codec<NetworkingConfig> = struct<NetworkingConfig>(
  'NetworkingConfig',
  { EndpointsConfig: map(endpointSettings) },
  { goType: 'network.NetworkingConfig' },
);

const addresses = list(struct('Address', { Addr: text, PrefixLen: int64('int') }));
const legacy = { until: '1.52' };

/** container.NetworkSettings of inspect; the fields of the default bridge alone ended with 1.52. */
export const networkSettings: Codec<NetworkSettings> = struct<NetworkSettings>('NetworkSettings', {
  Bridge: versioned(text, legacy),
  SandboxID: text,
  SandboxKey: text,
  Ports: map(portBindings),
  HairpinMode: versioned(flag, legacy),
  LinkLocalIPv6Address: versioned(text, legacy),
  LinkLocalIPv6PrefixLen: versioned(int64('int'), legacy),
  SecondaryIPAddresses: versioned(addresses, legacy),
  SecondaryIPv6Addresses: versioned(addresses, legacy),
  EndpointID: versioned(text, legacy),
  Gateway: versioned(text, legacy),
  GlobalIPv6Address: versioned(text, legacy),
  GlobalIPv6PrefixLen: versioned(int64('int'), legacy),
  IPAddress: versioned(text, legacy),
  IPPrefixLen: versioned(int64('int'), legacy),
  IPv6Gateway: versioned(text, legacy),
  MacAddress: versioned(text, legacy),
  Networks: map(endpointSettings),
});

export const ipam = struct('IPAM', {
  Driver: text,
  Options: map(text),
  Config: list(
    struct('IPAMConfig', {
      Subnet: omitEmpty(text),
      IPRange: omitEmpty(text),
      Gateway: omitEmpty(text),
      AuxiliaryAddresses: map(text, 'omit'),
    }),
    'empty',
  ),
});

const configReference = struct('ConfigReference', { Network: text });

/** network.Inspect. */
export const network: Codec<Network> = struct<Network>('Inspect', {
  Name: text,
  Id: text,
  Created: text,
  Scope: text,
  Driver: text,
  EnableIPv4: versioned(absent(optional(flag)), { from: '1.48' }),
  EnableIPv6: flag,
  IPAM: optional(ipam),
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigFrom: optional(configReference),
  ConfigOnly: flag,
  Containers: map(struct('EndpointResource', { Name: text, EndpointID: text, MacAddress: text, IPv4Address: text, IPv6Address: text })),
  Options: map(text),
  Labels: map(text),
  Peers: list(struct('PeerInfo', { Name: text, IP: text }), 'omit'),
});

/** Body of POST /networks/create. CheckDuplicate is said by old clients; names are unique always. */
export interface NetworkCreateBody {
  Name: string;
  Driver: string;
  Scope: string;
  EnableIPv4: boolean | undefined;
  EnableIPv6: boolean | undefined;
  IPAM: Network['IPAM'];
  Internal: boolean;
  Attachable: boolean;
  Ingress: boolean;
  ConfigOnly: boolean;
  ConfigFrom: Network['ConfigFrom'];
  Options: { [key: string]: string };
  Labels: { [key: string]: string };
}

export const networkCreateBody: Codec<NetworkCreateBody> = struct<NetworkCreateBody>(
  'CreateRequest',
  {
    Name: text,
    Driver: text,
    Scope: text,
    EnableIPv4: optional(flag),
    EnableIPv6: optional(flag),
    IPAM: optional(ipam),
    Internal: flag,
    Attachable: flag,
    Ingress: flag,
    ConfigOnly: flag,
    ConfigFrom: optional(configReference),
    Options: map(text),
    Labels: map(text),
  },
  { goType: 'network.CreateRequest', ignored: ['checkduplicate'] },
);

export interface NetworkConnectBody {
  Container: string;
  EndpointConfig: EndpointSettings | undefined;
}

export const networkConnectBody: Codec<NetworkConnectBody> = struct<NetworkConnectBody>(
  'ConnectOptions',
  { Container: text, EndpointConfig: optional(endpointSettings) },
  { goType: 'network.ConnectOptions' },
);

export interface NetworkDisconnectBody {
  Container: string;
  Force: boolean;
}

export const networkDisconnectBody: Codec<NetworkDisconnectBody> = struct<NetworkDisconnectBody>(
  'DisconnectOptions',
  { Container: text, Force: flag },
  { goType: 'network.DisconnectOptions' },
);
