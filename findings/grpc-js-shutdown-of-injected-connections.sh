#!/bin/sh
# @grpc/grpc-js 1.14.7: Server.tryShutdown, which lets running calls end before it calls back, does not wait for calls on connections that were given to the server by a
# connection injector, where Node closes the sessions of an HTTP/2 server together with the server (seen with Node 24; with Node 20 it waits). On connections of a port that
# the server listens at itself it waits with both. A process that exits in the callback then cuts its callers off.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @grpc/grpc-js@1.14.7 node@24.11.1 node20@npm:node@20.19.5 >/dev/null
cat > stop.js <<'JS'
const net = require('node:net');
const grpc = require('@grpc/grpc-js');
const bytes = (value) => value;
const say = {
  path: '/example.Echo/Say',
  ...{ requestStream: false, responseStream: false, requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes },
};
const insecure = grpc.ServerCredentials.createInsecure();

// The order in which the server answers a call of half a second and ends its shutdown, which begins while the call runs.
function order(injected) {
  return new Promise((resolve, reject) => {
    const told = [];
    const tell = (what) => told.push(what) === 2 && resolve(told.join(', then '));
    const server = new grpc.Server();
    server.addService({ say }, {
      say: (call, answer) => {
        setTimeout(() => {
          tell('answer');
          answer(null, call.request);
        }, 500);
        server.tryShutdown(() => tell('shutdown'));
      },
    });
    const ask = (port, then = () => undefined) => {
      const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
      client.makeUnaryRequest(say.path, bytes, bytes, Buffer.from('x'), (error) => {
        if (error) reject(error);
        client.close();
        then();
      });
    };
    if (!injected) return server.bindAsync('127.0.0.1:0', insecure, (error, port) => (error ? reject(error) : ask(port)));
    const injector = server.createConnectionInjector(insecure);
    const listener = net.createServer((socket) => injector.injectConnection(socket));
    listener.listen(0, '127.0.0.1', () => ask(listener.address().port, () => listener.close()));
  });
}

(async () => {
  for (const injected of [false, true])
    console.log(`node ${process.versions.node.split('.')[0]}, ${injected ? 'injected' : 'own port'}: ${await order(injected)}`);
})();
JS
for node in node_modules/node20/bin/node node_modules/node/bin/node; do "$node" stop.js; done | tee seen
cat > wanted <<'TXT'
node 20, own port: answer, then shutdown
node 20, injected: answer, then shutdown
node 24, own port: answer, then shutdown
node 24, injected: shutdown, then answer
TXT
diff wanted seen || { echo 'changed' >&2; exit 1; }
echo 'guessed: the answer first in all four'
