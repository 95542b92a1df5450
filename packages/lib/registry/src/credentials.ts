import type { Auth } from '@gantry/api/gantry/images/v1/images';
import type { Endpoint } from './endpoints';

export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
  readonly registryToken: string;
  /** A whole Authorization header, used as it is. */
  readonly header?: string;
}

/** Who knows the credentials for a host; asked with the challenges when the host wants some. They are kept for the operation only, never stored. */
export type CredentialSource = (endpoint: Endpoint, challenges: readonly string[]) => Promise<Credentials | undefined>;

/** What a token service is asked for. */
export interface TokenWish {
  readonly realm: string;
  readonly service: string;
  readonly scopes: readonly string[];
}

/**
 * Somebody who asks token services himself, so that his credentials stay with him. Undefined: he cannot, and the credentials are asked for. `until` is in milliseconds
 * since the epoch.
 */
export type TokenSource = (endpoint: Endpoint, wish: TokenWish) => Promise<{ readonly value: string; readonly until: number } | undefined>;

export function credentialsOf(auth: Auth | undefined): Credentials | undefined {
  if (auth === undefined || (auth.username === '' && auth.identityToken === '' && auth.registryToken === '')) return undefined;
  return auth;
}

/** Docker's: one set for the registry of the reference, never for a mirror of it. */
export function ownCredentials(auth: Auth | undefined): CredentialSource {
  const credentials = credentialsOf(auth);
  return ({ mirror }) => Promise.resolve(mirror ? undefined : credentials);
}

export const basic = (username: string, password: string): string => `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
