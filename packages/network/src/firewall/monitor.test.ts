import { transaction, addChain, addTable, deleteTable, FAMILY, addRule } from '../nft/transaction';
import { encode } from '../netlink/message';
import type { Request } from '../netlink/message';
import { FirewallGuard, type ForeignChange, readNews } from './monitor';

const OWN = 7;
const options = { own: OWN, table: 'gantry', isOurs: (name: string) => name.startsWith('gantry') };

/** The kernel tells of a request by the same message, from who asked. */
function told(from: number, ...requests: Request[]): ForeignChange {
  const datagrams = requests.map((request) => {
    const bytes = encode([request], 1);
    bytes.writeUInt32LE(from, 12);
    return bytes;
  });
  return readNews({ receive: () => datagrams.shift(), close: () => undefined }, options);
}

const chain = (table: string) => addChain(FAMILY.ip, table, { name: 'forward', type: 'filter', hook: 'forward', priority: 0 });

describe('news of the firewall', () => {
  it.each<[string, ForeignChange, ForeignChange]>([
    ['our table goes', told(1, deleteTable(FAMILY.ip, 'gantry')), { table: true, chains: false }],
    ['we take it away ourselves', told(OWN, deleteTable(FAMILY.ip, 'gantry')), { table: false, chains: false }],
    ['we build it', told(OWN, ...transaction([addTable(FAMILY.ip, 'gantry'), chain('gantry')])), { table: false, chains: false }],
    ['somebody adds to our table', told(1, addRule(FAMILY.ip, 'gantry', 'forward', [])), { table: false, chains: false }],
    ['another engine builds its own', told(1, chain('gantry-1'), deleteTable(FAMILY.ip, 'gantry-2')), { table: false, chains: false }],
    ['others change theirs', told(1, chain('filter')), { table: false, chains: true }],
    ['all is flushed', told(1, deleteTable(FAMILY.ip, 'filter'), deleteTable(FAMILY.ip, 'gantry')), { table: true, chains: true }],
    ['nothing', told(1), { table: false, chains: false }],
  ])('%s', (_what, change, expected) => expect(change).toEqual(expected));

  it('may have been anything where some were lost', () => {
    const lost = {
      receive: () => {
        throw Object.assign(new Error('lost'), { code: 'ENOBUFS' });
      },
      close: () => undefined,
    };
    expect(readNews(lost, options)).toEqual({ table: true, chains: true });
  });
});

describe('who guards the firewall', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('answers soon, once for several changes, and rests in between', async () => {
    const answered: ForeignChange[] = [];
    const guard = new FirewallGuard(async (change) => void answered.push(change));
    guard.noticed({ table: false, chains: false });
    guard.noticed({ table: true, chains: false });
    guard.noticed({ table: false, chains: true });
    await jest.advanceTimersByTimeAsync(40);
    expect(answered).toEqual([{ table: true, chains: true }]);
    guard.noticed({ table: true, chains: false });
    await jest.advanceTimersByTimeAsync(100);
    expect(answered).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(300);
    expect(answered).toHaveLength(2);
    await guard.stop();
    guard.noticed({ table: true, chains: true });
    await jest.advanceTimersByTimeAsync(1000);
    expect(answered).toHaveLength(2);
  });
});
