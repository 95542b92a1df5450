import { unavailable } from '@gantry/rpc';
import type { Environment } from '../config';
import type { HttpAsked, HttpClient } from '../wires/http';

const TIMEOUT_MS = 2000;
const LIFE_SECONDS = '21600';

/** What the instance this runs on tells of itself (IMDSv2). Throws unavailable where it tells nothing. */
export async function instanceData(client: HttpClient, env: Environment, path: string, signal: AbortSignal): Promise<string> {
  if (env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true')
    throw unavailable('access disabled to EC2 IMDS via client option, or "AWS_EC2_METADATA_DISABLED" environment variable');
  const base =
    env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ||
    (env['AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE']?.toLowerCase() === 'ipv6' ? 'http://[fd00:ec2::254]' : 'http://169.254.169.254');
  const ask = async (method: HttpAsked['method'], at: string, headers: Readonly<Record<string, string>>): Promise<string> => {
    const { status, statusText, text } = await client.ask({ method, url: new URL(at, base), headers, timeoutMs: TIMEOUT_MS }, signal);
    if (status !== 200) throw unavailable(`operation error ec2imds: ${method} ${at}, ${statusText}`);
    return text;
  };
  const token = await ask('PUT', '/latest/api/token', { 'X-aws-ec2-metadata-token-ttl-seconds': LIFE_SECONDS, 'Content-Length': '0' });
  return ask('GET', path, { 'X-aws-ec2-metadata-token': token });
}
