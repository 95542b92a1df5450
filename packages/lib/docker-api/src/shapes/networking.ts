import type { NetworkingConfig } from '@gantry/api/gantry/engine/v1/types';
import { invalidArgument } from '@gantry/rpc';
import type { Codec } from '../json/codec';
import { struct } from '../json/struct';
import { JsonObject } from '../json/value';
import { messageFields } from '../messages';

const endpoints = messageFields('NetworkingConfig').EndpointsConfig;

/** The networks that a new container is to join. A network without settings is `{}`: null is refused, as docker does. */
export const networkingConfig = struct<NetworkingConfig>('network.NetworkingConfig', {
  EndpointsConfig: {
    ...endpoints,
    read(value, place) {
      const absent = value instanceof JsonObject ? [...value.members].filter(([, settings]) => settings === null) : [];
      const faults = absent.map(([name]) => `invalid config for network ${name}: EndpointsConfig is nil`);
      if (faults.length > 0) throw invalidArgument(faults.length === 1 ? faults.join('') : faults.map((fault) => `* ${fault}`).join('\n'));
      return endpoints.read(value, place);
    },
  } satisfies Codec<NetworkingConfig['EndpointsConfig']>,
});
