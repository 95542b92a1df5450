import { isErrorOf, unauthorized } from '@gantry/rpc';
import type { Auth } from '@gantry/api/gantry/images/v1/images';
import { Authorizer } from './auth';
import { Calls } from './calls';
import { ownCredentials } from './credentials';
import type { Endpoint } from './endpoints';
import type { HttpClient } from './http';
import type { Logger } from '@gantry/rpc';

/**
 * docker login: are the credentials good at their server? Where the token service gives an identity token, the client keeps that instead of the
 * password. Nothing is kept here.
 */
export async function login(
  http: HttpClient,
  endpoints: readonly Endpoint[],
  auth: Auth | undefined,
  logger: Logger,
): Promise<{ status: string; identityToken: string }> {
  let failure: unknown = unauthorized('no registry to log in to');
  for (const endpoint of endpoints) {
    const authorizer = new Authorizer(http, endpoint, ownCredentials(auth), true);
    const calls = new Calls(http, endpoint, authorizer, logger);
    const url = calls.url('');
    try {
      const response = await calls.send(url, { method: 'GET', scope: '' });
      response.body.resume();
      if (response.status === 200) return { status: 'Login Succeeded', identityToken: authorizer.identityToken };
      throw unauthorized(
        `login attempt to ${url.href} failed with status: ${response.status} ${response.status === 401 ? 'Unauthorized' : (response.body.statusMessage ?? '')}`,
      );
    } catch (error) {
      if (isErrorOf(error, 'unauthorized')) throw error;
      failure = error;
    }
  }
  throw failure;
}
