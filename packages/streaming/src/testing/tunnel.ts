import { randomBytes } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { Duplex } from 'node:stream';

const BINARY = 0x82;
const MASKED = 0x80;

/** A client's WebSocket by hand, as a stream: the library takes no protocol whose name has a slash. Messages below 64 KiB. */
export function openTunnel(url: string, protocol: string): Promise<{ readonly stream: Duplex; readonly protocol: string | undefined }> {
  const request = httpRequest(url, {
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
      'Sec-WebSocket-Protocol': protocol,
    },
  });
  request.end();
  return new Promise((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => reject(new Error(String(response.statusCode))));
    request.once('upgrade', (response, socket, head) => {
      let rest: Buffer = head;
      const stream = new Duplex({
        read: () => undefined,
        write: (bytes: Buffer, _encoding, done) => {
          const length = Buffer.alloc(3, MASKED | 126);
          length.writeUInt16BE(bytes.length, 1);
          socket.write(Buffer.concat([Buffer.from([BINARY]), length, Buffer.alloc(4), bytes]), done);
        },
        destroy: (error, done) => {
          socket.destroy();
          done(error);
        },
      });
      const read = (received: Buffer): void => {
        rest = Buffer.concat([rest, received]);
        for (;;) {
          const [opcode, short = 0] = rest;
          if (opcode === undefined || rest.length < (short === 126 ? 4 : 2)) return;
          const start = short === 126 ? 4 : 2;
          const length = short === 126 ? rest.readUInt16BE(2) : short;
          if (rest.length < start + length) return;
          if (opcode === BINARY) stream.push(rest.subarray(start, start + length));
          rest = rest.subarray(start + length);
        }
      };
      socket.on('data', read).on('error', () => undefined);
      socket.once('close', () => stream.destroy());
      read(Buffer.alloc(0));
      resolve({ stream, protocol: response.headers['sec-websocket-protocol'] });
    });
  });
}
