import { invalidArgument } from '@gantry/rpc';

/** A part of the cache that a token opens: a branch's own, or one that it may only read. */
export interface Scope {
  readonly name: string;
  readonly writable: boolean;
}

const WRITE = 2;

/** The scopes of a token. It is not verified here: the service does that. */
export function readToken(token: string): readonly Scope[] {
  const claims = parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(), 'token');
  const { ac, exp } = claims as { ac?: unknown; exp?: unknown };
  if (typeof ac !== 'string') throw invalidArgument('invalid token without access controls for github actions cache');
  if (typeof exp === 'number' && exp * 1000 < Date.now())
    throw invalidArgument(`cache token expired at ${new Date(exp * 1000).toISOString()}`);
  const scopes = parse(ac, 'access controls');
  if (!Array.isArray(scopes)) throw invalidArgument('invalid access controls of the token for github actions cache');
  return scopes.map((each: { Scope?: unknown; Permission?: unknown }) => ({
    name: typeof each.Scope === 'string' ? each.Scope : '',
    writable: typeof each.Permission === 'number' && (each.Permission & WRITE) !== 0,
  }));
}

function parse(text: string, what: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told without the text: it is a secret.
  }
  throw invalidArgument(`invalid ${what} for github actions cache`);
}
