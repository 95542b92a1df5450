import type { Codec } from '../json/codec';
import { type MessageName, messageCodec } from '../messages';
import { containerCreateBody, containerUpdateBody } from '../shapes/containers';
import { execCreateBody, execStartBody } from '../shapes/exec';
import { networkConnectBody, networkCreateBody, networkDisconnectBody } from '../shapes/networks';

const bodies = [
  containerCreateBody,
  containerUpdateBody,
  execCreateBody,
  execStartBody,
  networkConnectBody,
  networkCreateBody,
  networkDisconnectBody,
];

/** How a body of the table of members is read: by Go's name of a body, or by message. */
export const bodyCodecs = (name: string): Codec<unknown> =>
  (bodies.find(({ goType }) => goType === name) ?? messageCodec(name as MessageName)) as Codec<unknown>;
