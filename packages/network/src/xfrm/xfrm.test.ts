import { parseAddress, type Address } from '../address/cidr';
import type { Reply, Request } from '../netlink/message';
import { dumpPolicies, putPolicy, readPolicies, removePolicy } from './policy';
import { addState, dumpStates, readStates, removeState } from './state';

const address = (text: string): Address => parseAddress(text) as Address;
const state = { source: address('192.0.2.1'), destination: address('192.0.2.2'), spi: 0x12345678, tag: 0x47001001 };
const ipv6 = { ...state, source: address('2001:db8::1'), destination: address('2001:db8::2') };
const flow = { family: 4, source: state.source, destination: state.destination, sourcePort: 61441, port: 4789 } as const;
/** As the kernel would say it again. */
const back = (request: Request, type = request.type): Reply => ({ type, sequence: 1, from: 0, body: request.body });
const hex = (bytes: Buffer, from: number, to: number): string => bytes.subarray(from, to).toString('hex');

describe('states of ESP', () => {
  const key = Buffer.from(Array.from({ length: 36 }, (_, at) => at));
  const { body, type, flags, purpose } = addState({ ...state, key });

  it('are said as linux/xfrm.h has them', () => {
    expect([type, flags]).toEqual([0x10, 0x604]);
    expect(hex(body, 56, 80)).toBe(`c0000202${'00'.repeat(12)}1234567832000000`); // to whom, SPI, protocol 50
    expect(hex(body, 80, 96)).toBe(`c0000201${'00'.repeat(12)}`);
    expect(hex(body, 96, 160)).toBe(`${'ff'.repeat(32)}${'00'.repeat(32)}`); // no limits
    expect(hex(body, 208, 224)).toBe('01100047' + '0200' + '00' + '00' + '80' + '00'.repeat(7)); // reqid, AF_INET, transport, window elsewhere, ESN
    expect(hex(body, 224, 228)).toBe('70001200'); // XFRMA_ALG_AEAD of 4 + 72 + 36 bytes
    expect(body.toString('latin1', 228, 245)).toBe('rfc4106(gcm(aes))');
    expect(hex(body, 292, 300)).toBe('20010000' + '80000000'); // bits of key and proof
    expect(body.subarray(300, 336)).toEqual(key);
    expect(hex(body, 336, 340)).toBe('9c001700'); // XFRMA_REPLAY_ESN_VAL
    expect([body.readUInt32LE(340), body.readUInt32LE(360), body.length]).toEqual([32, 1024, 492]);
  });

  it('say nothing of their keys in errors', () => {
    expect(purpose).toBe('add ESP state 192.0.2.1 to 192.0.2.2, 12345678');
  });

  it('are read as they were said, in both families, and those of other protocols are not', () => {
    const other = { ...back(addState({ ...state, key })), body: Buffer.from(body) };
    other.body.writeUInt8(51, 76);
    const replies = [back(addState({ ...state, key })), back(addState({ ...ipv6, key })), other];
    expect(readStates(replies)).toEqual([state, ipv6].map((each) => ({ ...each, packets: 0n })));
    expect(dumpStates()).toMatchObject({ type: 0x12, flags: 0x300 });
  });

  it('are removed by name', () => {
    const request = removeState(state);
    expect([request.type, hex(request.body, 0, 24)]).toEqual([0x11, `c0000202${'00'.repeat(12)}123456780200` + '32' + '00']);
  });
});

describe('policies for what leaves', () => {
  it('are said as linux/xfrm.h has them', () => {
    const { body, type } = putPolicy({ selector: flow, priority: 1000, by: state });
    expect(type).toBe(0x19);
    expect(hex(body, 0, 56)).toBe(
      `c0000202${'00'.repeat(12)}c0000201${'00'.repeat(12)}` + '12b5ffff' + 'f001ffff' + '0200' + '2020' + '11' + '00'.repeat(11),
    );
    expect(hex(body, 152, 168)).toBe('e8030000' + '00000000' + '01' + '00' + '00'.repeat(6));
    expect(hex(body, 168, 172)).toBe('44000500');
    expect(hex(body, 172, 236)).toBe(
      `c0000202${'00'.repeat(12)}1234567832000000` + `02000000c0000201${'00'.repeat(12)}` + '01100047' + '00000000' + 'ff'.repeat(12),
    );
  });

  it('drop where they name no state', () => {
    const { body } = putPolicy({ selector: { family: 6, sourcePort: 61441, port: 4789 }, priority: 7 });
    expect([body.length, hex(body, 160, 162), hex(body, 40, 45)]).toEqual([168, '0101', '0a00000011']);
  });

  it('are read as they were said', () => {
    const blocked = { family: 6, sourcePort: 61441, port: 4789 } as const;
    const replies = [putPolicy({ selector: flow, priority: 1000, by: state }), putPolicy({ selector: blocked, priority: 7 })];
    expect(readPolicies(replies.map((request) => back(request, 0x13)))).toEqual([
      { selector: flow, priority: 1000, by: { spi: state.spi, tag: state.tag } },
      { selector: blocked, priority: 7, by: undefined },
    ]);
    expect(dumpPolicies()).toMatchObject({ type: 0x15, flags: 0x300 });
  });

  it('are removed by what they are for', () => {
    const { type, body } = removePolicy(flow);
    expect([type, body.length, body.readUInt8(60)]).toEqual([0x14, 64, 1]);
  });
});
