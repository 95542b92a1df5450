import type { EndpointSettings, Network } from '@gantry/api/gantry/engine/v1/types';
import { flag, optional, text } from '../json/codec';
import { struct } from '../json/struct';
import { messageCodec, messageFields } from '../messages';
import type { ApiVersion } from '../versions/version';
import { pick } from './pick';

const asked = [
  'Name',
  'Driver',
  'Scope',
  'EnableIPv4',
  'EnableIPv6',
  'IPAM',
  'Internal',
  'Attachable',
  'Ingress',
  'ConfigOnly',
  'ConfigFrom',
  'Options',
  'Labels',
] as const satisfies readonly (keyof Network)[];

/** Body of POST /networks/create. Old clients say CheckDuplicate beside it: names are unique always. */
export const networkCreateBody = struct('network.CreateRequest', pick(messageFields('Network'), asked));

/** A row of GET /networks. From 1.52 on it does not tell of containers; before, only the oldest told which. */
export function writeNetworkSummary(network: Network, version: ApiVersion): object {
  const written = messageCodec('Network').write(network, version) as { Containers?: object };
  if (version.atLeast('1.52')) delete written.Containers;
  return written;
}

export interface NetworkConnectBody {
  Container: string;
  EndpointConfig: EndpointSettings | undefined;
}

export const networkConnectBody = struct<NetworkConnectBody>('network.ConnectOptions', {
  Container: text,
  EndpointConfig: optional(messageCodec('EndpointSettings')),
});

export interface NetworkDisconnectBody {
  Container: string;
  Force: boolean;
}

export const networkDisconnectBody = struct<NetworkDisconnectBody>('network.DisconnectOptions', { Container: text, Force: flag });
