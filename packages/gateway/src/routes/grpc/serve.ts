import type { Route } from '../../http/exchange';
import { checkUpgrade, joinUpgraded } from '../../streams/upgrade';

/** POST /grpc: the connection leaves HTTP/1, and what follows is between the client and the builder: BuildKit's Control, LLBBridge, content and traces. */
export const grpcRoute: Route = {
  method: 'POST',
  path: '/grpc',
  operation: 'Grpc',
  verb: 'build.grpc',
  hijacks: true,
  offline: true,
  async handle(x, { builder }) {
    checkUpgrade(x);
    await joinUpgraded(x, await builder.dial(x.ctx));
  },
};
