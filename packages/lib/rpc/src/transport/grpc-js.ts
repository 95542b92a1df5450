import type { CallOptions, Client } from '@grpc/grpc-js';
import type { Outgoing, Transport } from './transport';

const options = ({ deadline }: Outgoing): CallOptions => (deadline === undefined ? {} : { deadline });

/** Calls over the connection that grpc-js keeps to a socket. */
export function grpcJsTransport(client: Client): Transport {
  return {
    unary: (call, request, done) => {
      const { path, requestSerialize, responseDeserialize } = call.method;
      return client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, call.metadata, options(call), done);
    },
    clientStream: (call, done) => {
      const { path, requestSerialize, responseDeserialize } = call.method;
      return client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, call.metadata, options(call), done);
    },
    serverStream: (call, request) => {
      const { path, requestSerialize, responseDeserialize } = call.method;
      return client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, call.metadata, options(call));
    },
    bidi: (call) => {
      const { path, requestSerialize, responseDeserialize } = call.method;
      return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, call.metadata, options(call));
    },
  };
}
