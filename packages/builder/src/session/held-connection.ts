import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { treeFailure } from '@gantry/native';
import { unavailable } from '@gantry/rpc';
import { RECORD, type RecordParts, recordParts } from '../fsutil/record';
import { type Answer, ANSWER, AnswerReader } from './answers';
import type { ToldAgain, Transfer, TransferEvents, Transfers } from './transfers';

/** The program's descriptors for HTTP/2, and for records and answers. */
const HTTP2 = 3;
const CONTROL = 4;

/** Whether a stream is a connection that another program can hold: a socket, with nothing that waits to be sent. */
export const canBeHeld = (stream: Duplex): stream is Socket =>
  stream instanceof Socket && !(stream instanceof TLSSocket) && !stream.destroyed && stream.writableLength === 0;

/**
 * A client's connection, held by gantry-native (mode `session`): HTTP/2 passes through it as it is, and contents of transfers go into their trees. The socket is
 * closed here, in the turn in which it is given away, so that no byte of the client comes to two readers.
 */
export class HeldConnection implements Transfers {
  /** What the client says and is told, except contents. Ends with its connection. */
  readonly stream: Duplex;
  private readonly control: Duplex;
  private readonly open = new Map<number, { readonly events: TransferEvents; readonly left: () => void }>();
  private readonly compared = new Map<number, PromiseWithResolvers<ToldAgain>>();
  private count = 0;

  constructor(program: string, socket: Socket) {
    const child = spawn(program, ['session'], { stdio: [socket, 'ignore', 'inherit', 'pipe', 'pipe'], env: {} });
    const early = (socket.read() as Buffer | null) ?? Buffer.alloc(0);
    socket.destroy();
    this.stream = child.stdio[HTTP2] as Duplex;
    this.control = child.stdio[CONTROL] as Duplex;
    child.on('error', (error) => this.stream.destroy(error));
    this.control.on('error', () => undefined); // close follows
    this.control.once('close', () => this.ended());
    const answers = new AnswerReader();
    this.control.on('data', (bytes: Buffer) => {
      for (const answer of answers.push(bytes)) this.answered(answer);
    });
    this.control.write(record(RECORD.start, { data: [early] }));
  }

  begin(stream: number, root: string, events: TransferEvents): Transfer {
    const number = ++this.count;
    const left = Promise.withResolvers<void>();
    this.open.set(number, { events, left: left.resolve });
    if (this.control.destroyed) this.ended();
    else this.control.write(record(RECORD.begin, { transfer: number, slot: stream, path: Buffer.from(root) }));
    return {
      number,
      write: (records) => this.write(records),
      leave: () => {
        if (this.open.has(number)) void this.write(record(RECORD.leave, { transfer: number }));
        return left.promise;
      },
    };
  }

  toldAgain(stream: number, list: string): Promise<ToldAgain> {
    const number = ++this.count;
    const told = Promise.withResolvers<ToldAgain>();
    told.promise.catch(() => undefined); // nobody may ask
    this.compared.set(number, told);
    if (this.control.destroyed) this.ended();
    else this.control.write(record(RECORD.compare, { transfer: number, slot: stream, path: Buffer.from(list) }));
    return told.promise;
  }

  /** A connection that is gone is told to every transfer by its end. */
  private write(records: Buffer): Promise<void> {
    return new Promise((resolve) => (this.control.destroyed ? resolve() : this.control.write(records, () => resolve())));
  }

  private answered({ kind, transfer, id, more }: Answer): void {
    if (kind === ANSWER.same) {
      this.compared.get(transfer)?.resolve({ count: id, listed: Number(more.readBigUInt64LE(0)), came: Number(more.readBigUInt64LE(8)) });
      this.compared.delete(transfer);
      return;
    }
    const found = this.open.get(transfer);
    if (found === undefined) return;
    const { events, left } = found;
    if (kind === ANSWER.digest) events.digest(id, Buffer.from(more));
    else if (kind === ANSWER.came) events.came(id);
    else if (kind === ANSWER.done) events.done();
    else if (kind === ANSWER.failed) events.failed(treeFailure(more.toString('latin1'), 'a failure'));
    else {
      this.open.delete(transfer);
      left();
    }
  }

  private ended(): void {
    for (const told of this.compared.values()) told.reject(unavailable('the client is gone'));
    this.compared.clear();
    for (const [number, { events, left }] of this.open) {
      this.open.delete(number);
      events.failed(unavailable('the client is gone'));
      left();
    }
  }
}

const record = (kind: number, about: RecordParts): Buffer => Buffer.concat(recordParts(kind, about));
