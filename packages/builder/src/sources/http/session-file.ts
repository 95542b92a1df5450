import { UploadService } from '@gantry/api/moby/upload/v1/upload';
import type { Session } from '../../session/session';
import type { StepContext } from '../../solver/op';

/** No host: files at it are sent by the client when it is asked in its session, as a context that comes from its standard input is. */
const SESSION_HOST = 'buildkit-session';

export const isOfSession = ({ host }: URL): boolean => host === SESSION_HOST;

/** The bytes of a file that a client of the step's has. */
export async function* sessionFile({ call, sessions }: StepContext, { pathname, host }: URL): AsyncGenerator<Buffer> {
  const open = async (session: Session) => {
    const metadata = { urlpath: [pathname], urlhost: [host] };
    const parts = session.client(UploadService).pull(call, nothing(), { metadata })[Symbol.asyncIterator]();
    // One that does not have it says so at once; another session may.
    return { first: await parts.next(), parts };
  };
  const { first, parts } = await sessions.any(open);
  for (let part = first; part.done !== true; part = await parts.next()) yield part.value.data;
}

async function* nothing(): AsyncGenerator<never> {
  // The client only answers.
}
