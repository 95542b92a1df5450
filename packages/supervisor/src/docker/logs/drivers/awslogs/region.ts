import { errorText, unavailable } from '@gantry/rpc';
import type { LogOptions } from '../../options/cache';
import type { Environment } from '../config';
import type { HttpClient } from '../wires/http';
import { instanceData } from './instance-data';

interface Way {
  readonly client: HttpClient;
  readonly signal: AbortSignal;
}

/** By option, by AWS_REGION, or that of the instance this runs on. */
export async function regionOf(options: LogOptions, env: Environment, { client, signal }: Way): Promise<string> {
  const told = options['awslogs-region'] || env['AWS_REGION'] || '';
  if (told !== '') return told;
  try {
    const { region } = JSON.parse(await instanceData(client, env, '/latest/dynamic/instance-identity/document', signal)) as {
      region?: unknown;
    };
    if (typeof region === 'string' && region !== '') return region;
    throw unavailable('instance identity document has no region');
  } catch (error) {
    signal.throwIfAborted();
    throw unavailable(`cannot determine region for awslogs driver: ${errorText(error)}`, { cause: error });
  }
}

/** By option, by the environment, or AWS's own of the region. */
export function endpointOf(options: LogOptions, env: Environment, region: string): URL {
  const ignored = env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true';
  const configured = ignored ? '' : env['AWS_ENDPOINT_URL_CLOUDWATCH_LOGS'] || env['AWS_ENDPOINT_URL'] || '';
  const text = options['awslogs-endpoint'] || configured;
  if (text !== '') {
    if (!URL.canParse(text) || !/^https?:/.test(text)) throw unavailable(`awslogs-endpoint: ${JSON.stringify(text)} is no URL of HTTP`);
    return new URL(text);
  }
  const dual = env['AWS_USE_DUALSTACK_ENDPOINT'] === 'true';
  const name = env['AWS_USE_FIPS_ENDPOINT'] === 'true' ? 'logs-fips' : 'logs';
  const china = region.startsWith('cn-');
  const domain = dual ? (china ? 'api.amazonwebservices.com.cn' : 'api.aws') : china ? 'amazonaws.com.cn' : 'amazonaws.com';
  return new URL(`https://${name}.${region}.${domain}/`);
}
