/** Output of a process as docker frames it without a terminal: stream number (1 stdout, 2 stderr), 3 zero bytes, length (big endian). */
export function frame(stream: 1 | 2, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}
