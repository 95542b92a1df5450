import fc from 'fast-check';
import { parseAddress, type Address } from '../address/cidr';
import { createVxlan, readVxlan, VXLAN_HEADER, withinEsp } from './vxlan';

const link = { name: 'vx', vni: 4097, local: parseAddress('192.0.2.1') as Address, port: 4789, mtu: 1400 };
/** As the kernel would tell of it. */
const told = (sourcePort: number | undefined) =>
  readVxlan([{ type: 16, sequence: 1, from: 0, body: createVxlan({ ...link, sourcePort }).body }]);

describe('links of VXLAN', () => {
  it("have a source port of their own, or many that are nobody else's", () => {
    expect(told(61_441)).toEqual({ vni: 4097, port: 4789, local: link.local, sourcePort: 61_441 });
    expect(told(undefined)?.sourcePort).toBeUndefined();
    const range = (sourcePort: number | undefined) => createVxlan({ ...link, sourcePort }).body.toString('hex');
    expect(range(61_441)).toContain('08000a00f001f002');
    expect(range(undefined)).toContain('08000a008000f000');
  });

  it('leave as much room for packets as ESP does, and no less', () => {
    expect([1500 - VXLAN_HEADER[4], 1500 - VXLAN_HEADER[6], 9000 - VXLAN_HEADER[4]].map(withinEsp)).toEqual([1416, 1396, 8916]);
    const onWire = (mtu: number): number => 20 + 16 + 4 * Math.ceil((8 + 8 + 14 + mtu + 2) / 4) + 16;
    fc.assert(
      fc.property(fc.integer({ min: 600, max: 9000 }), (wire) => {
        const mtu = withinEsp(wire - VXLAN_HEADER[4]);
        expect([onWire(mtu) <= wire, onWire(mtu + 1) > wire]).toEqual([true, true]);
      }),
    );
  });
});
