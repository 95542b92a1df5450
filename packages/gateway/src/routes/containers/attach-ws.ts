import { invalidArgument } from '@gantry/rpc';
import type { Route } from '../../http/exchange';
import { Deframer } from '../../streams/frames';
import { detach, ownHeaders } from '../../streams/hijack';
import { holdUntilTaken } from '../../streams/hold';
import { acceptWebSocket, checkHandshake } from '../../streams/websocket';
import { attach } from './attach';

/** Attach for browsers: both output streams as one, without frames, in binary messages (in text before 1.28). */
export const containerAttachWebsocket: Route = {
  method: 'GET',
  path: '/containers/{name:.*}/attach/ws',
  operation: 'ContainerAttachWebsocket',
  hijacks: true,
  async handle(x, engine) {
    // an unknown container is told before a broken handshake
    await engine.containers.inspect(x.ctx, { id: x.params['name'] ?? '', size: false });
    if (x.upgrade === undefined) throw invalidArgument('not a websocket handshake of version 13');
    checkHandshake(x.request);
    await attach(x, engine, {
      accept: () => {
        const headers = ownHeaders(x);
        const socket = detach(x);
        const stream = acceptWebSocket(x.request, socket, { headers, messages: x.version.atLeast('1.28') ? 'binary' : 'text' });
        holdUntilTaken(socket);
        return stream;
      },
      through: (tty) => (tty ? undefined : new Deframer()),
    });
  },
};
