import type { Auth } from '@gantry/api/gantry/images/v1/images';
import { dataLoss, unauthorized } from '@gantry/rpc';
import { type HttpClient, readBody } from './http';

export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Reads `Bearer realm="…",service="…"` (RFC 9110 11.6.1), several schemes too. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  const pattern = /([A-Za-z][A-Za-z0-9-]*)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?\s*,?\s*/gy;
  for (let match = pattern.exec(header); match !== null && match[0] !== ''; match = pattern.exec(header)) {
    const [, word = '', quoted, plain] = match;
    const value = quoted?.replace(/\\(.)/g, '$1') ?? plain;
    if (value === undefined) challenges.push({ scheme: word.toLowerCase(), parameters: {} });
    else {
      const last = challenges.at(-1);
      if (last !== undefined) last.parameters[word.toLowerCase()] = value;
    }
  }
  return challenges;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
  readonly registryToken: string;
}

export function credentialsOf(auth: Auth | undefined): Credentials | undefined {
  if (auth === undefined || (auth.username === '' && auth.identityToken === '' && auth.registryToken === '')) return undefined;
  return auth;
}

const basic = (username: string, password: string): string => `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/**
 * Answers one registry host's challenges for one operation. Credentials go to that host (basic) or to the token service that the host itself
 * named (over HTTPS, unless the host is insecure anyway); never anywhere else.
 */
export class Authorizer {
  private readonly tokens = new Map<string, { readonly header: string; readonly until: number }>();

  constructor(
    private readonly http: HttpClient,
    private readonly credentials: Credentials | undefined,
    private readonly insecure: boolean,
  ) {}

  /** Header to send before any challenge was seen. */
  known(scope: string): string | undefined {
    const token = this.tokens.get(scope);
    if (token !== undefined && token.until > Date.now()) return token.header;
    return this.credentials !== undefined && this.credentials.registryToken !== '' ? `Bearer ${this.credentials.registryToken}` : undefined;
  }

  /** Header that answers a 401; undefined when there is nothing (more) to offer. */
  async answer(header: string, scope: string, host: URL, signal: AbortSignal | undefined): Promise<string | undefined> {
    const challenges = parseChallenges(header);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined) return this.fetchToken(bearer, scope, host, signal);
    const { credentials } = this;
    if (challenges.some(({ scheme }) => scheme === 'basic') && credentials !== undefined && credentials.username !== '') {
      const answer = basic(credentials.username, credentials.password);
      this.tokens.set(scope, { header: answer, until: Infinity });
      return answer;
    }
    return undefined;
  }

  private async fetchToken({ parameters }: Challenge, scope: string, host: URL, signal: AbortSignal | undefined): Promise<string> {
    const realm = URL.canParse(parameters['realm'] ?? '') ? new URL(parameters['realm'] ?? '') : undefined;
    if (realm === undefined || (realm.protocol !== 'https:' && !(realm.protocol === 'http:' && this.insecure))) throw unauthorized(`registry ${host.host} names no usable token service: "${parameters['realm'] ?? ''}"`);
    const { credentials } = this;
    const headers: Record<string, string> = {};
    let body: Buffer | undefined;
    const service = parameters['service'] ?? '';
    if (credentials !== undefined && credentials.identityToken !== '') {
      const form = new URLSearchParams({ grant_type: 'refresh_token', service, client_id: 'gantry', refresh_token: credentials.identityToken, ...(scope === '' ? {} : { scope }) });
      body = Buffer.from(form.toString());
      headers['Content-Type'] = 'application/x-www-form-urlencoded';
    } else {
      if (service !== '') realm.searchParams.set('service', service);
      for (const part of scope === '' ? [] : scope.split(' ')) realm.searchParams.append('scope', part);
      if (credentials !== undefined && credentials.username !== '') {
        headers['Authorization'] = basic(credentials.username, credentials.password);
        realm.searchParams.set('account', credentials.username);
      }
    }
    const response = await this.http.send({ method: body === undefined ? 'GET' : 'POST', url: realm, headers, ...(body === undefined ? {} : { body }), signal, insecure: this.insecure });
    const text = (await readBody(response, 1 << 20, `token of ${realm.host}`)).toString();
    if (response.status !== 200) throw unauthorized(response.status === 401 ? 'unauthorized: incorrect username or password' : `token service ${realm.host} answered ${response.status}`);
    let json: { token?: unknown; access_token?: unknown; expires_in?: unknown };
    try {
      json = JSON.parse(text) as typeof json;
    } catch (cause) {
      throw dataLoss(`token service ${realm.host} did not answer with JSON`, { cause });
    }
    const token = typeof json.token === 'string' && json.token !== '' ? json.token : json.access_token;
    if (typeof token !== 'string' || token === '') throw dataLoss(`token service ${realm.host} answered without a token`);
    const seconds = typeof json.expires_in === 'number' ? json.expires_in : 60;
    const answer = `Bearer ${token}`;
    this.tokens.set(scope, { header: answer, until: Date.now() + Math.max(seconds - 10, 5) * 1000 });
    return answer;
  }
}
