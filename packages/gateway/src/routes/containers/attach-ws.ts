import { invalidArgument } from '@gantry/rpc';
import type { Route } from '../../http/exchange';
import { Deframer } from '../../streams/frames';
import { leave } from '../../streams/hijack';
import { websocketHeaders, WebSocketStream } from '../../streams/websocket';
import { attach } from './attach';

/** Attach for browsers: both output streams as one, without frames, in binary messages. */
export const containerAttachWebsocket: Route = {
  method: 'GET',
  path: '/containers/{name:.*}/attach/ws',
  operation: 'ContainerAttachWebsocket',
  hijacks: true,
  async handle(x, engine) {
    if (x.upgrade === undefined) throw invalidArgument('not a websocket handshake of version 13');
    const headers = websocketHeaders(x.request);
    await attach(x, engine, {
      accept: () => new WebSocketStream(leave(x, ['HTTP/1.1 101 Switching Protocols', ...headers])),
      through: (tty) => (tty ? undefined : new Deframer()),
    });
  },
};
