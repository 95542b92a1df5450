const HEAD = 16;

/** Of enum answer_kind (packages/native/session/taker.h). */
export const ANSWER = { digest: 1, done: 2, failed: 3, came: 4, left: 5, same: 6 } as const;

export interface Answer {
  readonly kind: number;
  readonly transfer: number;
  readonly id: number;
  readonly more: Buffer;
}

/** Cuts what the program says into answers. */
export class AnswerReader {
  private rest: Buffer = Buffer.alloc(0);

  *push(bytes: Buffer): Generator<Answer> {
    let all = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    while (all.length >= HEAD) {
      const end = HEAD + all.readUInt32LE(12);
      if (all.length < end) break;
      yield { kind: all.readUInt32LE(0), transfer: all.readUInt32LE(4), id: all.readUInt32LE(8), more: all.subarray(HEAD, end) };
      all = all.subarray(end);
    }
    this.rest = all;
  }
}
