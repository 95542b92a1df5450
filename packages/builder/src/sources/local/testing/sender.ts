import { Packet, Packet_PacketType as Type, Stat } from '@gantry/api/fsutil/types/wire';

/** One file of a client's folder. */
export interface SentFile {
  readonly path: string;
  readonly stat?: Partial<Stat>;
  readonly content?: string | Buffer;
}

const DIR = 2 ** 31;

export const folder = (path: string, stat: Partial<Stat> = {}): SentFile => ({ path, stat: { mode: DIR + 0o755, ...stat } });

/** The sending side of the file sync protocol, over files that a test names. Counts what it was asked for. */
export class Sender {
  readonly asked: string[] = [];
  bytes = 0;

  constructor(private readonly files: readonly SentFile[]) {}

  async *answer(requests: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for (const { path, stat, content } of this.files) {
      const size = BigInt(Buffer.byteLength(content ?? ''));
      const whole = Stat.fromPartial({ path, mode: 0o644, size, modTime: 1_700_000_000_123_456_789n, ...stat });
      yield this.packet({ type: Type.PACKET_STAT, stat: whole });
    }
    yield this.packet({ type: Type.PACKET_STAT });
    for await (const bytes of requests) {
      const request = Packet.decode(bytes);
      if (request.type === Type.PACKET_FIN) {
        yield this.packet({ type: Type.PACKET_FIN });
        return;
      }
      if (request.type === Type.PACKET_ERR) throw new Error(request.data.toString());
      const file = this.files[request.ID];
      this.asked.push(file?.path ?? '');
      const content = Buffer.from(file?.content ?? '');
      for (let at = 0; at < content.length; at += 32 << 10)
        yield this.packet({ type: Type.PACKET_DATA, ID: request.ID, data: content.subarray(at, at + (32 << 10)) });
      yield this.packet({ type: Type.PACKET_DATA, ID: request.ID });
    }
  }

  private packet(packet: Parameters<typeof Packet.fromPartial>[0]): Buffer {
    const bytes = Buffer.from(Packet.encode(Packet.fromPartial(packet)).finish());
    this.bytes += bytes.length;
    return bytes;
  }
}
