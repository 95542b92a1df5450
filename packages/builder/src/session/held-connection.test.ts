import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Packet, Packet_PacketType as Type, Stat } from '@gantry/api/fsutil/types/wire';
import { locateProgram } from '@gantry/native';
import { RECORD, recordParts } from '../fsutil/record';
import { HeldConnection } from './held-connection';
import type { Transfer } from './transfers';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const WINDOW_UPDATE = 8;

let base: string;
let held: HeldConnection;
/** The client's end of the connection, and ours of what passes. */
let client: Socket;
let listener: ReturnType<typeof createServer>;
beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'gh-'));
  const accepted = Promise.withResolvers<Socket>();
  listener = createServer({ pauseOnConnect: true }, accepted.resolve).listen(join(base, 's'));
  await once(listener, 'listening');
  client = connect(join(base, 's'));
  held = new HeldConnection(locateProgram('gantry-native', __dirname), await accepted.promise);
  await mkdir(join(base, 'tree'));
});
afterEach(async () => {
  client.destroy();
  held.stream.destroy();
  listener.close();
  await rm(base, { recursive: true });
});

function frame(type: number, stream: number, payload: Buffer, flags = 0): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
function message(packet: Parameters<typeof Packet.fromPartial>[0]): Buffer {
  const bytes = Buffer.from(Packet.encode(Packet.fromPartial(packet)).finish());
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}
const content = (ID: number, data: Buffer = Buffer.alloc(0)): Buffer => message({ type: Type.PACKET_DATA, ID, data });
const stat = (path: string): Buffer => message({ type: Type.PACKET_STAT, stat: { path } as never });

/** What came, frame by frame, without what HTTP/2 says first. */
function framesOf(bytes: Buffer): { type: number; stream: number; flags: number; payload: Buffer }[] {
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 9 + bytes.readUIntBE(at, 3);
    frames.push({
      type: bytes.readUInt8(at + 3),
      flags: bytes.readUInt8(at + 4),
      stream: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, end),
    });
    at = end;
  }
  return frames;
}

interface Seen {
  readonly digests: Map<number, string>;
  readonly outcome: Promise<void>;
  readonly transfer: Transfer;
  tell(kind: number, slot: number, path: string): Promise<void>;
  came: number;
}
function begin(stream: number, root = join(base, 'tree')): Seen {
  const over = Promise.withResolvers<void>();
  over.promise.catch(() => undefined);
  const digests = new Map<number, string>();
  const seen: Seen = {
    came: 0,
    digests,
    outcome: over.promise,
    transfer: held.begin(stream, root, {
      digest: (file, digest) => digests.set(file, digest.toString('hex')),
      came: (bytes) => (seen.came += bytes),
      done: over.resolve,
      failed: over.reject,
    }),
    tell: (kind, slot, path) =>
      seen.transfer.write(Buffer.concat(recordParts(kind, { transfer: seen.transfer.number, slot, path: Buffer.from(path), mode: 0o644 }))),
  };
  return seen;
}
/** Records are done as they come: the end is told when all contents are there. */
async function arrived(seen: Seen, files: number): Promise<void> {
  for (let tries = 0; tries < 1000 && seen.digests.size < files; tries++) await new Promise((resolve) => setTimeout(resolve, 5));
}
const settle = (seen: Seen): Promise<void> => seen.tell(RECORD.settle, 0, '');
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

/** Bytes, in pieces of a size that suits nothing. */
async function send(bytes: Buffer, size = 7001): Promise<void> {
  for (let at = 0; at < bytes.length; at += size) if (!client.write(bytes.subarray(at, at + size))) await once(client, 'drain');
}
async function received(from: Socket | HeldConnection['stream'], enough: (bytes: Buffer) => boolean): Promise<Buffer> {
  let all = Buffer.alloc(0);
  for (let tries = 0; tries < 1000 && !enough(all); tries++) {
    const more = from.read() as Buffer | null;
    if (more === null) await new Promise((resolve) => setTimeout(resolve, 5));
    else all = Buffer.concat([all, more]);
  }
  return all;
}

test('all but contents passes as it is, and contents go into the tree', async () => {
  const large = randomBytes(3_000_000);
  const transfer = begin(3);
  await transfer.tell(RECORD.expect, 7, 'large');
  await transfer.tell(RECORD.expect, 8, 'small');
  await transfer.tell(RECORD.expect, 9, 'empty');
  const pieces = Array.from({ length: Math.ceil(large.length / 32768) }, (_, at) =>
    content(7, large.subarray(at * 32768, (at + 1) * 32768)),
  );
  const said = Buffer.concat([
    stat('one'),
    content(8, Buffer.from('sm')),
    ...pieces,
    stat('two'),
    content(8, Buffer.from('all')),
    content(8),
    content(7),
    content(9),
  ]);
  const sent: Buffer[] = [frame(4, 0, Buffer.alloc(0)), frame(0, 1, stat('of another call'))];
  // frames that end anywhere in the messages, some with padding
  for (let at = 0, n = 0; at < said.length; n++) {
    const size = n < 20 ? n : 16000;
    const part = said.subarray(at, at + size);
    at += part.length;
    sent.push(n % 3 === 0 ? frame(0, 3, Buffer.concat([Buffer.from([4]), part, Buffer.alloc(4)]), 8) : frame(0, 3, part));
  }
  sent.push(frame(0, 3, Buffer.alloc(0), 1));
  await send(Buffer.concat(sent));
  await arrived(transfer, 3);
  await settle(transfer);
  await transfer.outcome;
  expect([...transfer.digests]).toEqual([
    [8, sha256(Buffer.from('small'))],
    [7, sha256(large)],
    [9, sha256(Buffer.alloc(0))],
  ]);
  expect(transfer.came).toBe(large.length + 5);
  expect(sha256(await readFile(join(base, 'tree/large')))).toBe(sha256(large));
  expect(await readFile(join(base, 'tree/small'), 'utf8')).toBe('small');

  const passed = framesOf(
    await received(held.stream as Socket, (bytes) => framesOf(bytes).some(({ stream, flags }) => stream === 3 && flags === 1)),
  );
  expect(passed.slice(0, 2).map(({ type, stream }) => [type, stream])).toEqual([
    [4, 0],
    [0, 1],
  ]);
  const left = Buffer.concat(passed.filter(({ stream }) => stream === 3).map(({ payload }) => payload));
  expect(left.equals(Buffer.concat([stat('one'), stat('two')]))).toBe(true);

  // The client's windows get back what was taken off, between frames of ours, and no more.
  held.stream.write(Buffer.concat([Buffer.from(PREFACE), frame(6, 0, Buffer.alloc(8))]));
  const back = framesOf((await received(client, (bytes) => bytes.length >= PREFACE.length + 17 + 13)).subarray(PREFACE.length));
  const taken = sent.slice(2).reduce((sum, bytes) => sum + bytes.length - 9, 0) - left.length;
  const given = (id: number): number =>
    back
      .filter(({ type, stream }) => type === WINDOW_UPDATE && stream === id)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
  expect(back[0]?.type).toBe(6);
  expect(given(0)).toBeLessThanOrEqual(taken);
  expect(given(0)).toBeGreaterThan(taken - 32768);
}, 30_000);

test('a call may be taken up in the midst of a message', async () => {
  const first = stat('a long name that is cut');
  await send(frame(0, 3, first.subarray(0, 9)));
  await received(held.stream as Socket, (bytes) => bytes.length === 18);
  const transfer = begin(3);
  await transfer.tell(RECORD.expect, 0, 'x');
  await send(frame(0, 3, Buffer.concat([first.subarray(9), content(0, Buffer.from('x')), content(0)])));
  await arrived(transfer, 1);
  await settle(transfer);
  await transfer.outcome;
  const [rest] = framesOf(await received(held.stream as Socket, (bytes) => bytes.length > 9));
  expect(rest?.payload.equals(first.subarray(9))).toBe(true);
});

test('what was not asked for ends the transfer, and not the connection', async () => {
  const transfer = begin(3);
  await transfer.tell(RECORD.expect, 0, 'x');
  await send(Buffer.concat([frame(0, 3, content(1, Buffer.from('x'))), frame(0, 3, content(0, Buffer.from('late')))]));
  await expect(transfer.outcome).rejects.toMatchObject({
    kind: 'dataLoss',
    message: expect.stringContaining('file 1, which was not asked for') as string,
  });
  await transfer.transfer.leave();
  const again = begin(5);
  await settle(again);
  await again.outcome;
});

test('a tree that is not there is told', async () => {
  const transfer = begin(3, join(base, 'none'));
  await settle(transfer);
  await expect(transfer.outcome).rejects.toThrow('No such file or directory');
});

test.each([
  ['a frame that is too large', Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 3])],
  ['padding that is longer than its frame', frame(0, 3, Buffer.from([9, 1, 2]), 8)],
  ['content that cannot be read', frame(0, 3, Buffer.from([0, 0, 0, 0, 3, 8, 2, 0x22]))],
])('%s ends the connection', async (_what, bytes) => {
  const transfer = begin(3);
  await transfer.tell(RECORD.expect, 0, 'x');
  await send(bytes);
  await expect(transfer.outcome).rejects.toMatchObject({ kind: 'unavailable' });
});

test('the end of either side is that of the other', async () => {
  held.stream.resume();
  const transfer = begin(3);
  const ended = once(held.stream, 'close');
  client.end();
  await ended;
  await expect(transfer.outcome).rejects.toMatchObject({ kind: 'unavailable' });
});

describe('stats that are those of a list', () => {
  /** A list of such paths, as sources/local/listing.ts writes it. */
  async function listed(...paths: readonly string[]): Promise<string> {
    const path = join(base, 'list');
    const parts = paths.flatMap((each) => {
      const bytes = Buffer.from(Stat.encode(Stat.fromPartial({ path: each })).finish());
      const head = Buffer.alloc(4);
      head.writeUInt32LE(bytes.length);
      return [head, bytes];
    });
    await writeFile(path, Buffer.concat(parts));
    return path;
  }
  const told = (...paths: readonly string[]): Buffer => Buffer.concat(paths.map((path) => stat(path)));
  const end = message({ type: Type.PACKET_STAT });
  const long = 'n'.repeat(300);
  const left = async (stream: number, size: number): Promise<Buffer> => {
    const payload = (bytes: Buffer): Buffer =>
      Buffer.concat(
        framesOf(bytes)
          .filter((each) => each.stream === stream)
          .map((each) => each.payload),
      );
    return payload(await received(held.stream as Socket, (bytes) => bytes.length >= 9 && payload(bytes).length >= size));
  };

  test.each([1, 11, 16_000])(
    'do not come, wherever frames of %s bytes end; the first other one does, and all that follow',
    async (size) => {
      const again = held.toldAgain(3, await listed('a', 'b', long, 'd'));
      const said = Buffer.concat([told('a', 'b', long, 'c', 'd'), end]);
      for (let at = 0; at < said.length; at += size) await send(frame(0, 3, said.subarray(at, at + size)));
      const rest = Buffer.concat([told('c', 'd'), end]);
      expect((await left(3, rest.length)).equals(rest)).toBe(true);
      const bytes = told('a', 'b', long).length - 3 * 5;
      expect(await again).toEqual({ count: 3, listed: (await readFile(await listed('a', 'b', long))).length, came: bytes });
    },
  );

  test('all of them: the end of the list comes', async () => {
    const again = held.toldAgain(3, await listed('a', 'b'));
    await send(frame(0, 3, Buffer.concat([told('a', 'b'), end])));
    expect((await left(3, end.length)).equals(end)).toBe(true);
    expect(await again).toMatchObject({ count: 2 });
  });

  test.each([
    ['more is told than the list has', ['a'], told('a', 'b'), 1],
    ['a packet has a stat and something else', ['a'], message({ type: Type.PACKET_STAT, stat: { path: 'a' } as never, ID: 4 }), 0],
    ['there is content', ['a'], content(1, Buffer.from('x')), 0],
    ['the list is empty', [], told('a'), 0],
  ] as const)('what follows comes where %s', async (_what, paths, said, count) => {
    const again = held.toldAgain(3, await listed(...paths));
    await send(frame(0, 3, said));
    const rest = count === 0 ? said : told('b');
    expect((await left(3, rest.length)).equals(rest)).toBe(true);
    expect(await again).toMatchObject({ count });
  });

  test('nothing is left out where the call has begun already, or there is no list; and the end of the client is told', async () => {
    await send(frame(0, 3, told('a')));
    await left(3, 5);
    expect(await held.toldAgain(3, await listed('b'))).toEqual({ count: 0, listed: 0, came: 0 });
    expect(await held.toldAgain(5, join(base, 'none'))).toMatchObject({ count: 0 });
    const never = held.toldAgain(7, await listed('b'));
    client.destroy();
    await expect(never).rejects.toThrow('the client is gone');
  });
});

test('the program ends when both sides are gone, whatever was under way to either', async () => {
  const { outcome } = begin(3);
  const much = Array.from({ length: 400 }, () => frame(0, 9, randomBytes(16_000)));
  client.write(Buffer.concat([frame(4, 0, Buffer.alloc(0)), ...much]));
  held.stream.write(Buffer.concat([Buffer.from(PREFACE), frame(4, 0, Buffer.alloc(0)), ...much]));
  // Nobody reads: both are stuck when nothing more is taken.
  const waiting = (): number => client.writableLength + held.stream.writableLength;
  for (let last = -1; last !== waiting();) {
    last = waiting();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect([client.writableLength > 0, held.stream.writableLength > 0]).toEqual([true, true]);
  client.destroy();
  held.stream.destroy();
  await expect(outcome).rejects.toThrow('the client is gone');
});
