import type { EndpointSettings, Network } from '@gantry/api/gantry/engine/v1/types';
import { flag, optional, text } from '../json/codec';
import { struct } from '../json/struct';
import { messageCodec, messageFields } from '../messages';
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
