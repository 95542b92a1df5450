import type { EndpointSettings } from '@gantry/api/gantry/engine/v1/types';
import type { Network } from '@gantry/api/gantry/network/v1/network';
import { invalidArgument, isErrorOf } from '@gantry/rpc';
import { endpointFaults, listed } from '../networks/endpoint-faults';
import { isPredefined, networkMode } from './networks';

/** Six bytes, or none. */
const MAC = /^$|^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i;

/** Refuses settings that no start could honour. A network that is not there may come before the start: `find` then says undefined. */
export async function checkEndpoints(
  endpoints: Readonly<Record<string, EndpointSettings>>,
  find: (ref: string) => Promise<Network | undefined>,
): Promise<void> {
  const faults = await Promise.all(
    Object.entries(endpoints).map(async ([asked, settings]) => {
      const name = networkMode(asked);
      const found = asksForAddress(settings) ? await find(name).catch(absent) : undefined;
      const wrong = endpointFaults(settings, isPredefined(name), found);
      const of = `invalid config for network ${name}: `;
      return [
        ...(wrong.length === 0 ? [] : [`${of}invalid endpoint settings:\n${listed(wrong)}`]),
        ...(MAC.test(settings.MacAddress) ? [] : [`${of}invalid MAC address ${settings.MacAddress}`]),
      ];
    }),
  );
  if (faults.flat().length > 0) throw invalidArgument(listed(faults.flat()));
}

const asksForAddress = ({ IPAMConfig: ipam }: EndpointSettings): boolean =>
  ipam !== undefined && (ipam.IPv4Address !== '' || ipam.IPv6Address !== '');

function absent(error: unknown): undefined {
  if (!isErrorOf(error, 'notFound')) throw error;
}
