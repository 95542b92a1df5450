import { type HttpClient, isLoopback, type Response } from '@gantry/registry';
import { type CallContext, invalidArgument, isErrorOf } from '@gantry/rpc';
import { secretOf } from '../../ops/exec/special/secrets';
import type { StepContext } from '../../solver/op';
import type { HttpIdentifier } from './identifier';

const REDIRECTS = 10;
const REDIRECT_STATUS: readonly number[] = [301, 302, 303, 307, 308];

export interface Answer extends Response {
  /** Where it came from, after redirects. */
  readonly from: URL;
}

/** Asks a web server; redirects are followed, without the credentials where they lead to another host and never into this machine's own networks. */
export async function request(
  http: Pick<HttpClient, 'send'>,
  step: StepContext,
  wish: HttpIdentifier,
  { method, headers }: { readonly method: 'GET' | 'HEAD'; readonly headers: Readonly<Record<string, string>> },
): Promise<Answer> {
  const authorization = await authorizationOf(step.call, step, wish);
  let url = wish.url;
  for (let hops = 0; hops <= REDIRECTS; hops++) {
    const own = url.host === wish.url.host && url.protocol === wish.url.protocol;
    const response = await http.send({
      method,
      url,
      signal: step.call.signal,
      foreign: hops > 0 && !isLoopback(wish.url),
      headers: {
        'accept-encoding': 'gzip',
        ...Object.fromEntries(wish.headers),
        ...headers,
        ...(own && authorization !== undefined ? { authorization } : {}),
      },
    });
    const to = response.headers.location;
    if (!REDIRECT_STATUS.includes(response.status) || to === undefined) return { ...response, from: url };
    response.body.resume();
    const next = URL.canParse(to, url.href) ? new URL(to, url.href) : undefined;
    if (next === undefined || !/^https?:$/.test(next.protocol)) throw invalidArgument(`${url.href} leads to no http or https URL`);
    url = next;
  }
  throw invalidArgument(`${wish.url.href} leads on more than ${REDIRECTS} times`);
}

/** The header that a secret of the client holds: the one that was named (which has to be there), else one that is named by the host. */
async function authorizationOf(
  ctx: CallContext,
  { sessions }: StepContext,
  { authSecret, url }: HttpIdentifier,
): Promise<string | undefined> {
  const names =
    authSecret === ''
      ? [
          { name: `HTTP_AUTH_TOKEN_${url.hostname}`, token: true },
          { name: `HTTP_AUTH_HEADER_${url.hostname}`, token: false },
        ]
      : [{ name: authSecret, token: false }];
  for (const { name, token } of names) {
    try {
      const secret = (await secretOf(ctx, sessions, name)).toString();
      return token ? `Bearer ${secret}` : secret;
    } catch (error) {
      if (authSecret !== '' || !isErrorOf(error, 'notFound', 'failedPrecondition', 'unavailable')) throw error;
    }
  }
  return undefined;
}
