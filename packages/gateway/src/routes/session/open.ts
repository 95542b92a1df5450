import type { Exchange, Route } from '../../http/exchange';
import { needTicket } from '../../streams/bulk';
import { bringUpgraded, checkUpgrade } from '../../streams/upgrade';

const PREFIX = 'x-docker-expose-session-';

/** POST /session: the client serves gRPC over the connection, and the builder calls it there for the time of its builds. */
export const sessionRoute: Route = {
  method: 'POST',
  path: '/session',
  operation: 'Session',
  verb: 'build.session',
  hijacks: true,
  offline: true,
  async handle(x, { builder }) {
    checkUpgrade(x);
    const { ticket } = await builder.build.openSession(x.ctx, {
      id: header(x, 'uuid'),
      name: header(x, 'name'),
      sharedKey: header(x, 'sharedkey'),
      methods: headers(x, 'grpc-method'),
    });
    await bringUpgraded(x, needTicket(ticket, 'the session'));
  },
};

const headers = ({ request }: Exchange, name: string): string[] => request.headersDistinct[`${PREFIX}${name}`] ?? [];
const header = (x: Exchange, name: string): string => headers(x, name)[0] ?? '';
