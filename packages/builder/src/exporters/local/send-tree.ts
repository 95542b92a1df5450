import { Packet, Packet_PacketType as Type } from '@gantry/api/fsutil/types/wire';
import { type CallContext, errorText, internal } from '@gantry/rpc';
import { checkServes, type OutputPlace, outputMetadata, RawFileSend } from '../../session/send-file';
import type { Session } from '../../session/session';
import { Outbox } from '../../sources/local/outbox';
import { PACKET, readPacket } from '../../sources/local/packet';
import type { ExportedFile } from './exported-file';

/** Packets that wait to be taken before files are read on. */
const BACKLOG = 64;

/** The sending side of fsutil's protocol: tells a client every file, then sends the contents that it asks for. */
export async function sendTree(
  ctx: CallContext,
  session: Session,
  place: OutputPlace,
  { files, sent }: { readonly files: AsyncIterable<ExportedFile>; readonly sent: (bytes: number) => void },
): Promise<void> {
  checkServes(session);
  const out = new Outbox<Buffer>(BACKLOG);
  const put = async (packet: Parameters<typeof Packet.fromPartial>[0]): Promise<void> => {
    const bytes = Buffer.from(Packet.encode(Packet.fromPartial(packet)).finish());
    sent(bytes.length);
    out.push(bytes);
    await out.room();
  };
  const contents = new Map<number, () => AsyncIterable<Buffer>>();
  const telling = (async () => {
    let number = 0;
    for await (const { stat, read } of files) {
      if (read !== undefined) contents.set(number, read);
      number++;
      await put({ type: Type.PACKET_STAT, stat });
    }
    await put({ type: Type.PACKET_STAT });
  })();
  let failure: unknown;
  const failed = (error: unknown): void => {
    failure ??= error;
    out.push(Buffer.from(Packet.encode(Packet.fromPartial({ type: Type.PACKET_ERR, data: Buffer.from(errorText(error)) })).finish()));
    out.end();
  };
  telling.catch(failed);
  let sending: Promise<void> = telling.catch(() => undefined);
  const content = async (id: number): Promise<void> => {
    const read = contents.get(id);
    if (read === undefined) throw internal(`the client asked for file ${id}, which has no content`);
    contents.delete(id);
    for await (const data of read()) await put({ type: Type.PACKET_DATA, ID: id, data });
    await put({ type: Type.PACKET_DATA, ID: id });
  };
  for await (const message of session.client(RawFileSend).diffCopy(ctx, out, { metadata: outputMetadata(place) })) {
    const { type, id, data } = readPacket(message);
    if (type === PACKET.error) throw internal(`error from receiver: ${data.toString()}`);
    if (type === PACKET.request) sending = sending.then(() => content(id));
    if (type === PACKET.fin) {
      out.push(Buffer.from(Packet.encode(Packet.fromPartial({ type: Type.PACKET_FIN })).finish()));
      out.end();
    }
    sending.catch(failed);
  }
  if (failure !== undefined) throw failure instanceof Error ? failure : internal(String(failure));
}
