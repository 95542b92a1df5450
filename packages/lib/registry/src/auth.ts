import { parseChallenges } from './challenges';
import { basic, type CredentialSource, type TokenSource } from './credentials';
import type { Endpoint } from './endpoints';
import type { HttpClient } from './http';
import { fetchToken, usableRealm } from './token';

/**
 * Answers one registry host's challenges for one operation. Credentials go to that host (basic) or to the token service that the host itself
 * named (over HTTPS, unless the host is insecure anyway); never anywhere else.
 */
export class Authorizer {
  private readonly tokens = new Map<string, { readonly header: string; readonly until: number }>();
  private readonly asking = new Map<string, Promise<string | undefined>>();
  private identity = '';

  constructor(
    private readonly http: HttpClient,
    private readonly endpoint: Endpoint,
    private readonly source: CredentialSource,
    /** For `docker login`: ask for an identity token. */
    private readonly offline = false,
    private readonly tokenSource?: TokenSource,
  ) {}

  /** What the token service gave for the password; empty: nothing. */
  get identityToken(): string {
    return this.identity;
  }

  /** Header to send before any challenge was seen. */
  known(scope: string): string | undefined {
    const token = this.tokens.get(scope);
    return token !== undefined && token.until > Date.now() ? token.header : undefined;
  }

  /** Header that answers a 401; undefined when there is nothing (more) to offer. Requests that are refused together ask once. */
  answer(header: string, scope: string, refused?: string): Promise<string | undefined> {
    const known = this.known(scope);
    if (known !== undefined && known !== refused) return Promise.resolve(known);
    let asking = this.asking.get(scope);
    if (asking === undefined) {
      asking = this.ask(header, scope).finally(() => this.asking.delete(scope));
      this.asking.set(scope, asking);
    }
    return asking;
  }

  private async ask(header: string, scope: string): Promise<string | undefined> {
    const challenges = parseChallenges(header);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (bearer !== undefined && this.tokenSource !== undefined) {
      const { realm = '', service = '' } = bearer.parameters;
      usableRealm(bearer, this.endpoint); // nobody is sent to ask just any host
      const token = await this.tokenSource(this.endpoint, { realm, service, scopes: scope.split(' ').filter((each) => each !== '') });
      if (token !== undefined) return this.keep(scope, `Bearer ${token.value}`, token.until);
    }
    const credentials = await this.source(this.endpoint, header === '' ? [] : [header]);
    if (credentials?.header !== undefined) return this.keep(scope, credentials.header, Infinity);
    if (credentials !== undefined && credentials.registryToken !== '')
      return this.keep(scope, `Bearer ${credentials.registryToken}`, Infinity);
    if (bearer !== undefined) {
      const token = await fetchToken(this.http, { challenge: bearer, endpoint: this.endpoint, credentials, scope, offline: this.offline });
      this.identity = token.identity;
      return this.keep(scope, `Bearer ${token.value}`, token.until);
    }
    if (challenges.some(({ scheme }) => scheme === 'basic') && credentials !== undefined && credentials.username !== '')
      return this.keep(scope, basic(credentials.username, credentials.password), Infinity);
    return undefined;
  }

  private keep(scope: string, header: string, until: number): string {
    this.tokens.set(scope, { header, until });
    return header;
  }
}
