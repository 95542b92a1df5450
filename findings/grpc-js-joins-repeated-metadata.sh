#!/bin/sh
# @grpc/grpc-js 1.14.7 on Node: a metadata key that a client sends twice reaches a server's handler as ONE value, joined by ", ".
# gRPC's protocol keeps the values apart (a client of grpc-go that appends a key twice makes two header fields, and grpc-go's server reads two values); a guess from
# `metadata.get(key)`, which returns a list, would be a list of two. Node's HTTP/2 joins repeated fields before grpc-js sees them.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @grpc/grpc-js@1.14.7 >/dev/null
cat > twice.js <<'JS'
const grpc = require('@grpc/grpc-js');
const http2 = require('node:http2');
const path = '/example.Echo/Say';
const bytes = (value) => value;
const server = new grpc.Server();
let seen;
server.addService(
  { say: { path, requestStream: false, responseStream: false, requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes } },
  { say: (call, answer) => ((seen = call.metadata.get('example-key')), answer(null, call.request)) },
);
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  const client = http2.connect(`http://127.0.0.1:${port}`);
  // As grpc-go writes two values of one key: two fields.
  const call = client.request({ ':method': 'POST', ':path': path, te: 'trailers', 'content-type': 'application/grpc', 'example-key': ['one', 'two'] });
  call.end(Buffer.from([0, 0, 0, 0, 0]));
  call.resume().on('close', () => {
    client.close();
    server.forceShutdown();
    console.log(`node ${process.versions.node}, grpc-js ${require('@grpc/grpc-js/package.json').version}: metadata.get('example-key') = ${JSON.stringify(seen)}`);
    if (JSON.stringify(seen) !== '["one, two"]') {
      console.error('changed: it was ["one, two"]');
      process.exit(1);
    }
  });
});
JS
node twice.js
echo 'guessed: ["one","two"]; seen: one joined value'
