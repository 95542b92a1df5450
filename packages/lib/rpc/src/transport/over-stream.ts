import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import type { Duplex } from 'node:stream';
import { Metadata, type ServiceError, status as Code } from '@grpc/grpc-js';
import { StreamCall } from './stream-call';
import type { Done, Outgoing, Transport } from './transport';

/** What may come without being read, bytes, as on every connection of ours. */
const WINDOW = 1024 * 1024;

/** An HTTP/2 session, as its client, over a stream that somebody else connected. */
export function openSession(stream: Duplex): ClientHttp2Session {
  const session = connectHttp2('http://localhost', {
    createConnection: () => stream,
    settings: { initialWindowSize: WINDOW, enablePush: false },
  });
  session.once('connect', () => session.setLocalWindowSize(WINDOW));
  stream.once('end', () => session.destroy()); // a peer that has ended its side answers nothing any more, though it may still be written to
  session.on('error', () => undefined); // every call is told, and close follows
  return session;
}

/** Calls over one session. grpc-js's client cannot be given a connection (its server can). */
export function sessionTransport(session: ClientHttp2Session): Transport {
  const open = (call: Outgoing): StreamCall => new StreamCall(session, call);
  return {
    bidi: open,
    serverStream: (call, request) => {
      const stream = open(call);
      stream.end(request);
      return stream;
    },
    clientStream: (call, done) => answered(open(call), done),
    unary: (call, request, done) => {
      const stream = answered(open(call), done);
      stream.end(request);
      return stream;
    },
  };
}

/** The one answer of a call, told at its end. */
function answered(stream: StreamCall, done: Done): StreamCall {
  let answer: unknown;
  let failure: Error | null = null;
  stream.on('data', (message: unknown) => {
    answer = message;
  });
  stream.on('error', (error: Error) => {
    failure ??= error;
  });
  stream.on('end', () => done(failure ?? (answer === undefined ? noAnswer() : null), answer));
  return stream;
}

function noAnswer(): ServiceError {
  const details = 'the server ended the call without an answer';
  return Object.assign(new Error(details), { code: Code.INTERNAL, details, metadata: new Metadata() });
}
