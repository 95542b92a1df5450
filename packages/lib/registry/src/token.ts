import { dataLoss, unauthorized } from '@gantry/rpc';
import type { Challenge } from './challenges';
import { basic, type Credentials } from './credentials';
import type { Endpoint } from './endpoints';
import { type HttpClient, readBody, type Response } from './http';
import { isLoopback } from './loopback';
import { strangers } from './transport';

const CLIENT_ID = 'gantry';

export interface Token {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly until: number;
  /** Refresh token that `docker login` keeps instead of the password; empty when the service gave none. */
  readonly identity: string;
}

export interface TokenOptions {
  readonly challenge: Challenge;
  readonly endpoint: Endpoint;
  readonly credentials: Credentials | undefined;
  /** Space-separated scopes. */
  readonly scope: string;
  /** Ask for an identity token, too. */
  readonly offline?: boolean;
}

/**
 * Asks the token service that a registry names (distribution's token and OAuth2 specifications): POST with a refresh token, GET with name and password
 * or anonymously; where a service knows no GET, POST with the password. The service must be reached over HTTPS unless the registry itself is insecure,
 * is not let lead into this machine's own networks, and redirects of it are not followed: they would carry the credentials on.
 */
export async function fetchToken(http: HttpClient, options: TokenOptions): Promise<Token> {
  const { challenge, endpoint, credentials } = options;
  const realm = usableRealm(challenge, endpoint);
  const form = formOf(options);
  const own = realm.host === endpoint.base.host;
  const send = {
    url: realm,
    transport: own ? endpoint.transport : strangers(endpoint.transport),
    foreign: !own && !isLoopback(endpoint.base),
  };
  const post = (fields: URLSearchParams): Promise<Response> =>
    http.send({
      ...send,
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: Buffer.from(fields.toString()),
    });
  let response: Response;
  if (credentials !== undefined && credentials.identityToken !== '') {
    form.set('grant_type', 'refresh_token');
    form.set('refresh_token', credentials.identityToken);
    response = await post(form);
  } else {
    const url = new URL(realm);
    const service = challenge.parameters['service'] ?? '';
    if (service !== '') url.searchParams.set('service', service);
    for (const part of options.scope === '' ? [] : options.scope.split(' ')) url.searchParams.append('scope', part);
    const named = credentials !== undefined && credentials.username !== '';
    if (named) url.searchParams.set('account', credentials.username);
    if (named && options.offline === true) {
      url.searchParams.set('offline_token', 'true');
      url.searchParams.set('client_id', CLIENT_ID);
    }
    response = await http.send({
      ...send,
      method: 'GET',
      url,
      headers: named ? { Authorization: basic(credentials.username, credentials.password) } : {},
    });
    if (named && (response.status === 404 || response.status === 405)) {
      response.body.resume();
      form.set('grant_type', 'password');
      form.set('username', credentials.username);
      form.set('password', credentials.password);
      if (options.offline === true) form.set('access_type', 'offline');
      response = await post(form);
    }
  }
  return tokenOf(response, realm);
}

/** Where a registry sends its clients for tokens: over HTTPS, unless the registry itself is insecure. */
export function usableRealm({ parameters }: Challenge, endpoint: Endpoint): URL {
  const text = parameters['realm'] ?? '';
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  const allowed =
    realm !== undefined &&
    (realm.protocol === 'https:' || (realm.protocol === 'http:' && (endpoint.transport.insecure || endpoint.base.protocol === 'http:')));
  if (!allowed) throw unauthorized(`registry ${endpoint.base.host} names no usable token service: "${text}"`);
  return realm;
}

function formOf({ challenge, scope }: TokenOptions): URLSearchParams {
  return new URLSearchParams({ service: challenge.parameters['service'] ?? '', client_id: CLIENT_ID, ...(scope === '' ? {} : { scope }) });
}

async function tokenOf(response: Response, realm: URL): Promise<Token> {
  const text = (await readBody(response, 1 << 20, `token of ${realm.host}`)).toString();
  if (response.status !== 200) {
    throw unauthorized(
      response.status === 401 || response.status === 400
        ? 'unauthorized: incorrect username or password'
        : `token service ${realm.host} answered ${response.status}`,
      { meta: { status: response.status } },
    );
  }
  let json: { token?: unknown; access_token?: unknown; refresh_token?: unknown; expires_in?: unknown };
  try {
    json = JSON.parse(text) as typeof json;
  } catch (cause) {
    throw dataLoss(`token service ${realm.host} did not answer with JSON`, { cause });
  }
  const value = typeof json.token === 'string' && json.token !== '' ? json.token : json.access_token;
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) throw dataLoss(`token service ${realm.host} answered without a token`);
  const seconds = typeof json.expires_in === 'number' ? json.expires_in : 60;
  return {
    value,
    until: Date.now() + Math.max(seconds - 10, 5) * 1000,
    identity: typeof json.refresh_token === 'string' ? json.refresh_token : '',
  };
}
