import { parseAddress } from '../../address/cidr';
import type { Request } from '../../netlink/message';
import { steps, tablesOf, tablesOfLink } from './tables';

const endpoint = (number: number, at: string, change: object = {}) => ({
  mac: `02:00:00:00:00:0${number}`,
  at,
  address: `10.0.0.${number}`,
  ...change,
});
const purposes = (requests: readonly Request[]): string[] => requests.map(({ purpose }) => purpose);
const INDEX = 7;
const nothing = tablesOf([]);

describe('what a VXLAN link is told', () => {
  const ipv6 = { ipv6: { address: 'fd00:0::2', prefix: 64, gateway: '' } };

  it('follows from the endpoints of others, in both families', () => {
    const { hosts, neighbours } = tablesOf([endpoint(2, '192.0.2.2', ipv6), endpoint(3, '2001:db8::3')]);
    expect([...hosts]).toEqual([
      ['02:00:00:00:00:02', parseAddress('192.0.2.2')],
      ['02:00:00:00:00:03', parseAddress('2001:db8::3')],
    ]);
    expect([...neighbours]).toEqual([
      ['10.0.0.2', '02:00:00:00:00:02'],
      ['fd00::2', '02:00:00:00:00:02'],
      ['10.0.0.3', '02:00:00:00:00:03'],
    ]);
  });

  it('is nothing for a record that nobody could follow', () => {
    expect(tablesOf([endpoint(2, 'nowhere'), endpoint(3, '192.0.2.3', { mac: 'what' })])).toEqual(nothing);
  });

  it('is what is new, before what is gone is taken away', () => {
    const from = tablesOf([endpoint(2, '192.0.2.2'), endpoint(3, '192.0.2.3')]);
    const { add, remove } = steps(INDEX, from, tablesOf([endpoint(3, '192.0.2.3'), endpoint(4, '192.0.2.2')]));
    expect(purposes(add)).toEqual([
      'forward 02:00:00:00:00:04 to 192.0.2.2',
      'forward 02:00:00:00:00:04 to 192.0.2.2',
      'tell who has 10.0.0.4',
    ]);
    expect(purposes(remove)).toEqual([
      'tell no more who has 10.0.0.2',
      'forward 02:00:00:00:00:02 no more',
      'forward 02:00:00:00:00:02 no more',
    ]);
  });

  it('is only the host of an endpoint that moved', () => {
    const { add, remove } = steps(INDEX, tablesOf([endpoint(2, '192.0.2.2')]), tablesOf([endpoint(2, '192.0.2.3')]));
    expect(new Set(purposes(add))).toEqual(new Set(['forward 02:00:00:00:00:02 to 192.0.2.3']));
    expect(remove).toEqual([]);
  });

  it('is nothing where it was told already, by a process before this one', () => {
    const wanted = tablesOf([endpoint(2, '192.0.2.2')]);
    const mac = '02:00:00:00:00:02';
    const other = { index: 8, mac: '02:00:00:00:00:09', address: parseAddress('192.0.2.9') };
    const kept = tablesOfLink(
      INDEX,
      [{ index: INDEX, mac, address: parseAddress('192.0.2.2') }, other],
      [{ index: INDEX, mac, address: parseAddress('10.0.0.2') }, other],
    );
    expect(kept).toEqual(wanted);
    expect(steps(INDEX, kept, wanted)).toEqual({ add: [], remove: [] });
  });
});
