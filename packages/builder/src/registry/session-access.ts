import { AuthService } from '@gantry/api/moby/filesync/v1/filesync';
import type { Access, Credentials } from '@gantry/registry';
import { type CallContext, isErrorOf } from '@gantry/rpc';
import type { Session, SessionGroup } from '../session/session';

const CLIENT_ID = 'buildkit-client';
const FETCH_TOKEN = '/moby.filesync.v1.Auth/FetchToken';
const CREDENTIALS = '/moby.filesync.v1.Auth/Credentials';
/** Seconds that a token is good for when nobody says. */
const TOKEN_LIFE = 60;

/**
 * Credentials of the clients that wait for a step, asked for by the host that wants them: tokens are fetched by the client itself, so that its password stays with it;
 * where it cannot, or the host takes no tokens, the password is asked for. They are kept for the operation only. Without a client nobody knows any.
 */
export function sessionAccess(ctx: CallContext, sessions: SessionGroup): Access {
  return {
    tokens: ({ base }, { realm, service, scopes }) =>
      first(sessions, FETCH_TOKEN, async (session) => {
        const answer = await session
          .client(AuthService)
          .fetchToken(ctx, { ClientID: CLIENT_ID, Host: base.host, Realm: realm, Service: service, Scopes: [...scopes] });
        const issued = Number(answer.IssuedAt) === 0 ? Date.now() : Number(answer.IssuedAt) * 1000;
        const seconds = Number(answer.ExpiresIn) === 0 ? TOKEN_LIFE : Number(answer.ExpiresIn);
        return answer.Token === '' ? undefined : { value: answer.Token, until: issued + Math.max(seconds - 10, 5) * 1000 };
      }),
    credentials: ({ base }) =>
      first(sessions, CREDENTIALS, async (session): Promise<Credentials | undefined> => {
        const { Username: username, Secret: secret } = await session.client(AuthService).credentials(ctx, { Host: base.host });
        if (secret === '') return undefined;
        // Without a name it is a refresh token.
        return { username, password: username === '' ? '' : secret, identityToken: username === '' ? secret : '', registryToken: '' };
      }),
  };
}

async function first<T>(sessions: SessionGroup, method: string, ask: (session: Session) => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await sessions.any((session) => (session.serves(method) ? ask(session) : Promise.resolve(undefined)));
  } catch (error) {
    if (isErrorOf(error, 'failedPrecondition', 'unavailable', 'notImplemented', 'notFound')) return undefined; // nobody there who knows
    throw error;
  }
}
