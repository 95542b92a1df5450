import { type Duplex, duplexPair } from 'node:stream';
import fc from 'fast-check';
import { resizesOf } from './command/resizes';
import { SpdyConnection } from './spdy/connection';
import { CONTROL, controlFrame, dataHead, type Frame, FrameReader, numbers } from './spdy/frame';
import { HeaderReader, HeaderWriter } from './spdy/headers';
import { Readable } from 'node:stream';

/** Cuts bytes into pieces at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const at = [...new Set(places.map((place) => place % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [...at, bytes.length].map((end, index) => bytes.subarray(at[index - 1] ?? 0, end));
}

const frames = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('data' as const),
      streamId: fc.integer({ min: 0, max: 0x7fffffff }),
      fin: fc.boolean(),
      bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    }),
    fc.record({
      kind: fc.constant('control' as const),
      type: fc.integer({ min: 0, max: 12 }),
      flags: fc.integer({ min: 0, max: 3 }),
      body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    }),
  ),
  { maxLength: 12 },
);

const encode = (frame: Frame): Buffer =>
  frame.kind === 'data'
    ? Buffer.concat([dataHead(frame.streamId, frame.bytes.length, frame.fin), frame.bytes])
    : controlFrame(frame.type, frame.flags, frame.body);

/** Pieces of one data frame as one again. */
function joined(all: readonly Frame[]): Frame[] {
  const whole: Frame[] = [];
  let open: Buffer[] = [];
  for (const frame of all) {
    if (frame.kind === 'control') whole.push({ ...frame, body: Buffer.from(frame.body) });
    else {
      open.push(frame.bytes);
      whole.push({ ...frame, bytes: Buffer.concat(open) });
      open = [];
    }
  }
  return whole;
}

describe('whatever is sent', () => {
  it('frames are the same wherever the wire cuts them', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 20 }), (sent, places) => {
        const bytes = Buffer.concat(sent.map(encode));
        const whole = [...new FrameReader().read(bytes)];
        const reader = new FrameReader();
        const pieces = cut(bytes, places).flatMap((piece) => joined([...reader.read(piece)]));
        const text = (all: readonly Frame[]): string[] => {
          const words: string[] = [];
          for (const frame of all) {
            if (frame.kind === 'control') words.push(`${frame.type} ${frame.flags} ${frame.body.toString('hex')}`);
            else {
              const last = words.at(-1);
              const head = `data ${frame.streamId} `;
              if (last?.startsWith(head) === true && !last.endsWith('.'))
                words[words.length - 1] = last + frame.bytes.toString('hex') + (frame.fin ? '.' : '');
              else words.push(head + frame.bytes.toString('hex') + (frame.fin ? '.' : ''));
            }
          }
          return words.filter((word) => !/^data \d+ $/.test(word));
        };
        expect(text(pieces)).toEqual(text(whole));
      }),
      { numRuns: 300 },
    );
  });

  it('headers come back as they were written', async () => {
    const name = fc.stringMatching(/^[a-z:-]{1,20}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.dictionary(name, fc.stringMatching(/^[ -~]{0,60}$/), { maxKeys: 20 }), { maxLength: 4 }),
        async (blocks) => {
          const writer = new HeaderWriter();
          const reader = new HeaderReader();
          for (const block of blocks) {
            const headers = new Map(Object.entries(block));
            const written = writer.write(headers);
            // Go's reader wants this at the end of each block, Node's does not.
            expect(written.subarray(-5).toString('hex')).toBe('000000ffff');
            expect(await reader.read(written)).toEqual(headers);
          }
          reader.close();
        },
      ),
      { numRuns: 100 },
    );
  });

  it('a connection ends or goes on, and never throws, hangs or answers more than it was sent', async () => {
    const block = new HeaderWriter().write(new Map([['streamtype', 'error']]));
    const syn = controlFrame(CONTROL.SYN_STREAM, 0, Buffer.concat([numbers(1, 0), Buffer.alloc(2), block]));
    const parts = fc.array(
      fc.oneof(
        frames.map((sent) => Buffer.concat(sent.map(encode))),
        fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
        fc.constant(syn),
        fc.tuple(fc.nat(syn.length - 1), fc.integer({ min: 0, max: 255 })).map(([at, value]) => {
          const broken = Buffer.from(syn);
          broken[at] = value;
          return broken;
        }),
      ),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(parts, fc.array(fc.nat(), { maxLength: 10 }), async (sent, places) => {
        const [near, far] = duplexPair() as [Duplex, Duplex];
        let answered = 0;
        far.on('data', (bytes: Buffer) => (answered += bytes.length)).on('error', () => undefined);
        const connection = new SpdyConnection(near, {
          streamLimit: 3,
          accept: (stream) => {
            stream.resume();
            return true;
          },
        });
        const served = connection.serve();
        const bytes = Buffer.concat(sent);
        for (const piece of cut(bytes, places)) far.write(piece);
        far.end();
        await served;
        expect(connection.streams).toBeLessThanOrEqual(3);
        expect(answered).toBeLessThanOrEqual(bytes.length * 3 + 64);
        near.destroy();
        far.destroy();
      }),
      { numRuns: 300 },
    );
  });

  it('sizes are sizes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.string(), fc.constant('{"Width":1,"Height":2}'), fc.json())), async (texts) => {
        for await (const { width, height } of resizesOf(Readable.from(texts.map((text) => Buffer.from(text))))) {
          expect(Number.isInteger(width) && width >= 0 && width <= 65535).toBe(true);
          expect(Number.isInteger(height) && height >= 0 && height <= 65535).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
