import type { BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import { JsonObject, scanJson } from '@gantry/docker-api';
import type { Exchange } from '../../http/exchange';
import { authConfig, toAuth } from '../../http/registry-auth';

/** X-Registry-Config: credentials by registry, base64url of JSON. One that cannot be read is as good as none, as docker has it. */
export function buildAuths({ request }: Pick<Exchange, 'request'>): BuildImageRequest['auths'] {
  const header = request.headers['x-registry-config'];
  const text = Array.isArray(header) ? header[0] : header;
  if (text === undefined || text === '') return {};
  try {
    const { value } = scanJson(Buffer.from(text, 'base64url').toString('utf8'));
    if (!(value instanceof JsonObject)) return {};
    return Object.fromEntries(
      value.members.map(([registry, config]) => {
        const { username, password, identityToken, registryToken } = toAuth(authConfig.read(config, { struct: '', path: '' }));
        return [registry, { username, password, identityToken, registryToken }];
      }),
    );
  } catch {
    return {};
  }
}
