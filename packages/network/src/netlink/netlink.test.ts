import fc from 'fast-check';
import * as attribute from './attribute';
import { NetlinkConnection, NetlinkError, type NetlinkPort } from './connection';
import { FLAG, decode, encode } from './message';

const request = (purpose: string) => ({ type: 16, flags: FLAG.ack, body: Buffer.from([1, 2, 3]), purpose });

/** An answer of type NLMSG_ERROR. */
function outcome(sequence: number, errno: number): Buffer {
  const out = Buffer.alloc(36);
  out.writeUInt32LE(36, 0);
  out.writeUInt16LE(2, 4);
  out.writeUInt32LE(sequence, 8);
  out.writeInt32LE(-errno, 16);
  return out;
}

describe('attributes', () => {
  it('are read as they were written', () => {
    const bytes = Buffer.concat([attribute.u32(1, 7), attribute.text(2, 'eth0'), attribute.nested(3, [attribute.u8(1, 9)])]);
    const read = attribute.read(bytes);
    expect(read.get(1)?.readUInt32LE(0)).toBe(7);
    expect(attribute.readText(read, 2)).toBe('eth0');
    expect(attribute.read(read.get(3) ?? Buffer.alloc(0)).get(1)).toEqual(Buffer.from([9]));
  });

  it('refuse a payload beyond their 16-bit length (attacks: CVE-2021-43784)', () => {
    expect(() => attribute.raw(1, Buffer.alloc(0xffff))).toThrow(RangeError);
  });

  it('never read outside of the buffer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          attribute.readList(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe('messages', () => {
  it('are padded and numbered', () => {
    const bytes = encode([request('a'), request('b')], 5);
    expect(bytes.length).toBe(40);
    expect([bytes.readUInt32LE(0), bytes.readUInt32LE(8), bytes.readUInt32LE(28)]).toEqual([19, 5, 6]);
  });

  it('never read outside of the datagram', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decode(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});

describe('a connection', () => {
  function answering(...datagrams: Buffer[][]): { port: NetlinkPort; sent: number[] } {
    const sent: number[] = [];
    let queue: Buffer[] = [];
    return {
      sent,
      port: {
        send: async (datagram) => {
          sent.push(datagram.readUInt32LE(8));
          await Promise.resolve();
          queue = datagrams.shift() ?? [];
        },
        receive: () => queue.shift(),
        close: () => undefined,
      },
    };
  }

  it('tells which message of a batch failed first', async () => {
    const { port } = answering([outcome(1, 0), outcome(2, 17), outcome(3, 19)]);
    const failure = await new NetlinkConnection(port)
      .request([request('first'), request('second'), request('third')])
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(NetlinkError);
    expect(failure).toMatchObject({ code: 'EEXIST', message: 'second: EEXIST' });
  });

  it('reads up to the answer to the last message, and to the end where there is none', async () => {
    for (const [answers, read] of [
      [[outcome(1, 0), outcome(2, 0)], 2],
      [[outcome(1, 0)], 2],
    ] as const) {
      const { port } = answering([...answers]);
      const receive = jest.spyOn(port, 'receive');
      await new NetlinkConnection(port).request([request('a'), request('b')]);
      expect(receive).toHaveBeenCalledTimes(read);
    }
  });

  it('keeps exchanges apart and goes on after a failure', async () => {
    const { port, sent } = answering([outcome(1, 1)], [outcome(2, 0)]);
    const connection = new NetlinkConnection(port);
    const both = await Promise.allSettled([connection.request([request('a')]), connection.request([request('b')])]);
    expect(both.map((result) => result.status)).toEqual(['rejected', 'fulfilled']);
    expect(sent).toEqual([1, 2]);
  });
});
