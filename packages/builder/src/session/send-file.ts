import type { ServiceDefinition } from '@grpc/grpc-js';
import { BytesMessage } from '@gantry/api/moby/filesync/v1/filesync';
import { type CallContext, isErrorOf, notFound } from '@gantry/rpc';
import type { Session } from './session';

const METHOD = '/moby.filesync.v1.FileSend/DiffCopy';
/** gRPC's limit for messages is 4 MiB on the other side. */
const PIECE = 1 << 20;

const bytes = { serialize: (message: Buffer) => message, deserialize: (message: Buffer) => message } as const;
/** FileSend with its messages as bytes: what they are depends on what is sent. */
export const RawFileSend = {
  diffCopy: {
    path: METHOD,
    requestStream: true,
    responseStream: true,
    requestSerialize: bytes.serialize,
    requestDeserialize: bytes.deserialize,
    responseSerialize: bytes.serialize,
    responseDeserialize: bytes.deserialize,
  },
} as const satisfies ServiceDefinition;

/** Which of a client's outputs is meant, and what it is told of it. */
export interface OutputPlace {
  readonly index: number;
  readonly about: ReadonlyMap<string, string>;
}

export function outputMetadata({ index, about }: OutputPlace): Readonly<Record<string, readonly string[]>> {
  return {
    ...Object.fromEntries([...about].map(([key, value]) => [`exporter-md-${key}`, [value]])),
    'buildkit-attachable-exporter-id': [String(index)],
  };
}

export function checkServes(session: Session): void {
  if (!session.serves(METHOD)) throw notFound(`method ${METHOD} not supported by the client`);
}

/** Sends one file to a client. False: the client has it already and wants none. */
export async function sendFile(ctx: CallContext, session: Session, place: OutputPlace, chunks: AsyncIterable<Buffer>): Promise<boolean> {
  checkServes(session);
  async function* messages(): AsyncGenerator<Buffer> {
    for await (const chunk of chunks)
      for (let at = 0; at < chunk.length; at += PIECE)
        yield Buffer.from(BytesMessage.encode({ data: chunk.subarray(at, at + PIECE) }).finish());
  }
  try {
    // The client answers nothing; that it ends the stream says that it has all.
    for await (const _answer of session.client(RawFileSend).diffCopy(ctx, messages(), { metadata: outputMetadata(place) }));
    return true;
  } catch (error) {
    if (isErrorOf(error, 'alreadyExists')) return false;
    throw error;
  }
}
