import { Duplex, PassThrough, type Readable } from 'node:stream';

/** A connection whose other end is a process's stdin and stdout. */
export interface ProcessConnection {
  readonly stream: Duplex;
  readonly stdin: Readable;
  /** Takes what the process writes; resolves when there is room for more. */
  output(data: Buffer): Promise<void>;
}

export function processConnection(): ProcessConnection {
  const stdin = new PassThrough();
  let wanted = Promise.withResolvers<void>();
  const stream = new Duplex({
    read: () => wanted.resolve(),
    write(chunk: Buffer, _encoding, done) {
      if (stdin.write(chunk)) done();
      else stdin.once('drain', done);
    },
    final(done) {
      stdin.end();
      done();
    },
    destroy(error, done) {
      stdin.end();
      wanted.resolve();
      done(error);
    },
  });
  stream.on('error', () => undefined); // whoever serves on it is told
  return {
    stream,
    stdin,
    async output(data) {
      if (stream.destroyed) return;
      wanted = Promise.withResolvers();
      if (!stream.push(data)) await wanted.promise;
    },
  };
}
