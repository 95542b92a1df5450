/** The parts of DNS messages (RFC 1035) that a resolver for container names needs. */

export const TYPE = { a: 1, ptr: 12, aaaa: 28, any: 255 } as const;
export const RCODE = { ok: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4, refused: 5 } as const;

const CLASS_IN = 1;
const HEADER = 12;
const FLAG_RESPONSE = 0x8000;
const FLAG_AUTHORITATIVE = 0x0400;
const FLAG_TRUNCATED = 0x0200;
const FLAG_RECURSION_DESIRED = 0x0100;
const FLAG_RECURSION_AVAILABLE = 0x0080;
const OPCODE = 0x7800;

export interface Question {
  readonly id: number;
  readonly flags: number;
  /** Lower case, without the final dot. */
  readonly name: string;
  readonly type: number;
  /** The question section as it came, to be repeated in the answer. */
  readonly section: Buffer;
}

export interface Answer {
  readonly type: number;
  /** Seconds. */
  readonly ttl: number;
  readonly data: Buffer;
}

/** Reads a standard query with one question of class IN. Otherwise the code that it is to be answered with, or undefined when it deserves no answer. */
export function readQuery(message: Buffer): Question | { readonly id: number; readonly flags: number; readonly rcode: number } | undefined {
  if (message.length < HEADER) return undefined;
  const id = message.readUInt16BE(0);
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) !== 0) return undefined;
  if ((flags & OPCODE) !== 0) return { id, flags, rcode: RCODE.notImplemented };
  const read = message.readUInt16BE(4) === 1 ? readName(message, HEADER) : undefined;
  if (read === undefined || read.end + 4 > message.length) return { id, flags, rcode: RCODE.formatError };
  const type = message.readUInt16BE(read.end);
  if (message.readUInt16BE(read.end + 2) !== CLASS_IN) return { id, flags, rcode: RCODE.notImplemented };
  return { id, flags, name: read.name, type, section: Buffer.from(message.subarray(HEADER, read.end + 4)) };
}

/** A name without compression (a question comes first, so nothing can be pointed at); undefined when it is malformed. */
function readName(message: Buffer, start: number): { name: string; end: number } | undefined {
  const labels: string[] = [];
  let at = start;
  for (;;) {
    const length = message[at];
    if (length === undefined || length > 63 || at - start > 255) return undefined;
    if (length === 0) return { name: labels.join('.'), end: at + 1 };
    if (at + 1 + length > message.length) return undefined;
    labels.push(message.toString('latin1', at + 1, at + 1 + length).toLowerCase());
    at += 1 + length;
  }
}

export function writeName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);
}

/** The answer to a question; all answers are about the question's name. */
export function writeAnswer(question: Question, answers: readonly Answer[], rcode: number = RCODE.ok): Buffer {
  const records = answers.map((answer) => {
    const head = Buffer.alloc(12);
    head.writeUInt16BE(0xc000 | HEADER, 0);
    head.writeUInt16BE(answer.type, 2);
    head.writeUInt16BE(CLASS_IN, 4);
    head.writeUInt32BE(answer.ttl, 6);
    head.writeUInt16BE(answer.data.length, 10);
    return Buffer.concat([head, answer.data]);
  });
  const flags = FLAG_RESPONSE | FLAG_AUTHORITATIVE | (question.flags & FLAG_RECURSION_DESIRED) | FLAG_RECURSION_AVAILABLE | rcode;
  return Buffer.concat([header(question.id, flags, 1, answers.length), question.section, ...records]);
}

/** An answer without records. */
export function writeError(query: { readonly id: number; readonly flags: number; readonly section?: Buffer }, rcode: number): Buffer {
  const flags = FLAG_RESPONSE | (query.flags & (FLAG_RECURSION_DESIRED | OPCODE)) | FLAG_RECURSION_AVAILABLE | rcode;
  return Buffer.concat([header(query.id, flags, query.section === undefined ? 0 : 1, 0), query.section ?? Buffer.alloc(0)]);
}

/** Marks an answer that does not fit UDP: the client asks again over TCP. */
export function truncated(question: Question): Buffer {
  const out = writeError(question, RCODE.ok);
  out.writeUInt16BE(out.readUInt16BE(2) | FLAG_TRUNCATED, 2);
  return out;
}

function header(id: number, flags: number, questions: number, answers: number): Buffer {
  const out = Buffer.alloc(HEADER);
  out.writeUInt16BE(id, 0);
  out.writeUInt16BE(flags, 2);
  out.writeUInt16BE(questions, 4);
  out.writeUInt16BE(answers, 6);
  return out;
}
