import type { Request } from '../request';

/** The session that offers a folder: `local-sessionid:NAME` where the client said so, else its own. */
export function localSession({ options, sessionId }: Request, name: string): string {
  return options.get(`local-sessionid:${name}`) ?? sessionId;
}
