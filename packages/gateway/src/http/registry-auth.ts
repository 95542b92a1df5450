import type { Auth } from '@gantry/api/gantry/images/v1/images';
import { type Codec, scanJson, struct, text } from '@gantry/docker-api';
import { invalidArgument } from '@gantry/rpc';
import type { Exchange } from './exchange';

interface AuthConfig {
  username: string;
  password: string;
  auth: string;
  serveraddress: string;
  identitytoken: string;
  registrytoken: string;
}

/** registry.AuthConfig. What old clients say beside it (email) means nothing. */
export const authConfig: Codec<AuthConfig> = struct<AuthConfig>('registry.AuthConfig', {
  username: text,
  password: text,
  auth: text,
  serveraddress: text,
  identitytoken: text,
  registrytoken: text,
});

export function toAuth(config: AuthConfig): Auth {
  // `auth` is user:password in base64, where a client has nothing else
  const [user = '', ...rest] =
    config.username === '' && config.auth !== ''
      ? Buffer.from(config.auth, 'base64').toString('utf8').split(':')
      : [config.username, config.password];
  return {
    username: user,
    password: rest.join(':'),
    identityToken: config.identitytoken,
    registryToken: config.registrytoken,
    serverAddress: config.serveraddress,
  };
}

/** X-Registry-Auth: base64url of JSON, padded or not, in the standard alphabet too. Undefined when absent. Errors: invalidArgument. */
export function registryAuth(x: Pick<Exchange, 'request'>): Auth | undefined {
  const header = x.request.headers['x-registry-auth'];
  const value = Array.isArray(header) ? header[0] : header;
  if (value === undefined || value === '') return undefined;
  if (!/^[A-Za-z0-9+/_-]*={0,2}$/.test(value))
    throw invalidArgument('invalid X-Registry-Auth header: must be a valid base64url-encoded string');
  const json = Buffer.from(value, 'base64url').toString('utf8');
  try {
    return toAuth(authConfig.read(scanJson(json).value, { struct: '', path: '' }));
  } catch (error) {
    throw invalidArgument(`invalid X-Registry-Auth header: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
