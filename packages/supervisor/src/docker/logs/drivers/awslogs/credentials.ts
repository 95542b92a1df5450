import { readFile } from 'node:fs/promises';
import type { AwsCredentials } from '@gantry/aws';
import { errorText, unavailable } from '@gantry/rpc';
import type { LogOptions } from '../../options/cache';
import type { Environment } from '../config';
import type { HttpClient } from '../wires/http';
import { instanceData } from './instance-data';
import { profileCredentials } from './profile';

/** Such as are good for a while. */
export interface Credentials extends AwsCredentials {
  /** Milliseconds since the epoch after which others are to be asked for. */
  readonly expires?: number;
}

export interface CredentialSource {
  /** Throws unavailable when nobody gives any. */
  get(signal: AbortSignal): Promise<Credentials>;
}

/** Where containers of ECS ask. */
const CONTAINER_HOST = 'http://169.254.170.2';
/** Milliseconds before their end at which credentials are asked for anew. */
const EARLY_MS = 5 * 60 * 1000;
/** Hosts that may be told of credentials without TLS, beside this one. */
const CONTAINER_HOSTS = ['169.254.170.2', '169.254.170.23', '[fd00:ec2::23]'];
const ROLES = '/latest/meta-data/iam/security-credentials/';

/** Looks where AWS's SDK looks, in its order: an endpoint of the options, environment, files, container, instance. */
export function credentialSource(options: LogOptions, env: Environment, client: HttpClient): CredentialSource {
  let known: Credentials | undefined;
  const look = async (signal: AbortSignal): Promise<Credentials> => {
    const endpoint = options['awslogs-credentials-endpoint'];
    if (endpoint !== undefined) return fromEndpoint(client, new URL(`${CONTAINER_HOST}${endpoint}`), {}, signal);
    return (
      fromEnvironment(env) ??
      (await profileCredentials(env)) ??
      (await fromContainer(env, client, signal)) ??
      fromInstance(env, client, signal)
    );
  };
  return {
    async get(signal) {
      if (known !== undefined && (known.expires === undefined || known.expires - EARLY_MS > Date.now())) return known;
      try {
        known = await look(signal);
        return known;
      } catch (error) {
        signal.throwIfAborted();
        throw unavailable(`get identity: get credentials: failed to refresh cached credentials, ${errorText(error)}`, { cause: error });
      }
    },
  };
}

function fromEnvironment(env: Environment): Credentials | undefined {
  const accessKeyId = env['AWS_ACCESS_KEY_ID'] || env['AWS_ACCESS_KEY'] || '';
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'] || env['AWS_SECRET_KEY'] || '';
  const sessionToken = env['AWS_SESSION_TOKEN'] ?? '';
  if (accessKeyId === '' || secretAccessKey === '') {
    if ((env['AWS_WEB_IDENTITY_TOKEN_FILE'] ?? '') !== '') throw unavailable('AWS_WEB_IDENTITY_TOKEN_FILE is not supported');
    return undefined;
  }
  return { accessKeyId, secretAccessKey, ...(sessionToken === '' ? {} : { sessionToken }) };
}

async function fromContainer(env: Environment, client: HttpClient, signal: AbortSignal): Promise<Credentials | undefined> {
  const [relative, full] = [env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'] ?? '', env['AWS_CONTAINER_CREDENTIALS_FULL_URI'] ?? ''];
  if (relative === '' && full === '') return undefined;
  const url = new URL(relative === '' ? full : `${CONTAINER_HOST}${relative}`);
  const isNear = CONTAINER_HOSTS.includes(url.hostname) || /^(?:127\.[0-9.]+|\[::1\]|localhost)$/.test(url.hostname);
  if (url.protocol !== 'https:' && !isNear)
    throw unavailable(`invalid endpoint host, ${JSON.stringify(url.hostname)}, only loopback/ecs/eks hosts are allowed`);
  const file = env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'] ?? '';
  const token = file === '' ? (env['AWS_CONTAINER_AUTHORIZATION_TOKEN'] ?? '') : (await readFile(file, 'utf8')).trim();
  return fromEndpoint(client, url, token === '' ? {} : { Authorization: token }, signal);
}

async function fromEndpoint(
  client: HttpClient,
  url: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Credentials> {
  const { status, statusText, text } = await client.ask(
    { method: 'GET', url, headers: { Accept: 'application/json', ...headers }, timeoutMs: 5000 },
    signal,
  );
  if (status !== 200) throw unavailable(`failed to load credentials, ${statusText}`);
  return readCredentials(text);
}

async function fromInstance(env: Environment, client: HttpClient, signal: AbortSignal): Promise<Credentials> {
  try {
    const [role = ''] = (await instanceData(client, env, ROLES, signal)).split('\n');
    if (role === '') throw unavailable('the instance has no role');
    return readCredentials(await instanceData(client, env, `${ROLES}${role.trim()}`, signal));
  } catch (error) {
    throw unavailable(`no EC2 IMDS role found, ${errorText(error)}`, { cause: error });
  }
}

/** What the endpoints of containers and instances answer. */
function readCredentials(text: string): Credentials {
  const said = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const word = (name: string): string => (typeof said[name] === 'string' ? said[name] : '');
  const [accessKeyId, secretAccessKey, sessionToken] = [word('AccessKeyId'), word('SecretAccessKey'), word('Token')];
  if (accessKeyId === '' || secretAccessKey === '')
    throw unavailable(`failed to load credentials, ${word('Code')} ${word('Message')}`.trimEnd());
  const expires = Date.parse(word('Expiration'));
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === '' ? {} : { sessionToken }),
    ...(Number.isNaN(expires) ? {} : { expires }),
  };
}
