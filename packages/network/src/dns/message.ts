import {
  decode,
  type DecodedPacket,
  encode,
  type OptAnswer,
  type Question as PacketQuestion,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  type StringAnswer,
  TRUNCATED_RESPONSE,
} from 'dns-packet';

/** What a resolver for container names reads and says of DNS messages (RFC 1035, EDNS: RFC 6891). The bytes are dns-packet's affair. */

export const RCODE = { ok: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4, refused: 5 } as const;

const HEADER = 12;
/** UDP answers to clients that name no size of their own. */
const UDP_LIMIT = 512;
const RESPONSE = 0x8000;

interface Asked {
  readonly id: number;
  /** Whether the client wants recursion; repeated in the answer. */
  readonly recursion: boolean;
}

export interface Question extends Asked {
  /** Lower case, without the final dot. */
  readonly name: string;
  /** As dns-packet names it: A, AAAA, PTR, ANY, UNKNOWN_65280 … */
  readonly type: string;
  /** Bytes that an answer over UDP may have. */
  readonly udpLimit: number;
  /** As it was asked, to be repeated in the answer: some clients look at the case of its letters. */
  readonly asked: PacketQuestion;
}

export type Refusal = Asked & { readonly rcode: number; readonly asked?: PacketQuestion };

/** One record about the question's name. */
export interface Answer {
  readonly type: 'A' | 'AAAA' | 'PTR';
  /** Seconds. */
  readonly ttl: number;
  /** The address, or for PTR the name. */
  readonly data: string;
}

/** Reads a standard query with one question of class IN. Otherwise the code that it is to be answered with, or undefined when it deserves no answer. */
export function readQuery(message: Buffer): Question | Refusal | undefined {
  if (message.length < HEADER) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & RESPONSE) !== 0) return undefined;
  const told: Asked = { id: message.readUInt16BE(0), recursion: (flags & RECURSION_DESIRED) !== 0 };
  let packet: DecodedPacket & { readonly opcode?: string };
  try {
    packet = decode(message);
  } catch {
    return { ...told, rcode: RCODE.formatError }; // whatever it is, it is no query
  }
  if (packet.opcode !== 'QUERY') return { ...told, rcode: RCODE.notImplemented };
  const [asked, more] = packet.questions ?? [];
  if (asked === undefined || more !== undefined) return { ...told, rcode: RCODE.formatError };
  if (asked.class !== 'IN') return { ...told, asked, rcode: RCODE.notImplemented };
  const name = asked.name === '.' ? '' : asked.name.toLowerCase();
  return { ...told, asked, name, type: asked.type, udpLimit: udpLimitOf(packet) };
}

function udpLimitOf(packet: DecodedPacket): number {
  const edns = packet.additionals?.find((record): record is OptAnswer => record.type === 'OPT');
  return Math.max(UDP_LIMIT, edns?.udpPayloadSize ?? 0);
}

/** The answer to a question. */
export function writeAnswer(question: Question, answers: readonly Answer[]): Buffer {
  return write(
    question,
    RCODE.ok,
    answers.map((answer) => ({ ...answer, name: question.asked.name, class: 'IN' })),
  );
}

/** An answer without records. */
export function writeError(query: Question | Refusal, rcode: number): Buffer {
  return write(query, rcode, []);
}

/** Says that the answer does not fit UDP: the client asks again over TCP. */
export function truncated(question: Question): Buffer {
  return write(question, TRUNCATED_RESPONSE, []);
}

function write({ id, recursion, asked }: Question | Refusal, flags: number, answers: StringAnswer[]): Buffer {
  return encode({
    type: 'response',
    id,
    flags: flags | RECURSION_AVAILABLE | (recursion ? RECURSION_DESIRED : 0),
    questions: asked === undefined ? [] : [asked],
    answers,
  });
}
