import { Keys } from './records';
import { View } from './view';

const keys = new Keys('/test/');
const entry = (key: string, value: object) => ({ key, value: JSON.stringify(value) });
const endpoint = (network: string, id: string, engine: string) =>
  entry(keys.endpoint(network, id), { id, networkId: network, engine, at: '192.0.2.1' });

function newView(): { readonly view: View; readonly unreadable: string[] } {
  const unreadable: string[] = [];
  return { view: new View(keys, (key) => unreadable.push(key)), unreadable };
}

describe('what is known of the shared store', () => {
  it('tells of which networks something changed, and of nothing that stayed', () => {
    const { view } = newView();
    const network = entry(keys.network('n1'), { id: 'n1', name: 'n', vni: 5 });
    expect(view.apply([network, endpoint('n2', 'e', 'x')])).toEqual({ networks: new Set(['n1']), endpoints: new Set(['n2']) });
    expect(view.apply([network])).toEqual({ networks: new Set(), endpoints: new Set() });
    expect(view.apply([{ key: keys.network('n1') }])).toEqual({ networks: new Set(['n1']), endpoints: new Set() });
    expect(view.networks()).toEqual([]);
  });

  it('forgets what a whole look does not find any more', () => {
    const { view } = newView();
    view.apply([endpoint('n', 'e1', 'x'), endpoint('n', 'e2', 'y'), entry(keys.address('n', '10.0.0.2'), { engine: 'x' })]);
    expect(view.replace([endpoint('n', 'e2', 'y')]).endpoints).toEqual(new Set(['n']));
    expect(view.endpointsOf('n').map(({ id }) => id)).toEqual(['e2']);
    expect(view.addressesOf('n')).toEqual([]);
  });

  it('knows whose an endpoint and an address is, also of IPv6', () => {
    const { view } = newView();
    view.apply([endpoint('n', 'e1', 'x'), endpoint('m', 'e2', 'y'), entry(keys.address('n', 'fd00::2'), { engine: 'x' })]);
    expect(view.endpointsBy('x').map(({ id }) => id)).toEqual(['e1']);
    expect(view.claimsBy('x')).toEqual([{ network: 'n', address: 'fd00::2' }]);
    expect([view.holderOf('n', 'fd00::2'), view.holderOf('n', 'fd00::3')]).toEqual(['x', undefined]);
  });

  it('passes over keys of others, and says which of ours cannot be read', () => {
    const { view, unreadable } = newView();
    const others = ['/other/networks/n', '/test/guard', '/test/networks/', '/test/networks/n/x/y', '/test/what/n'];
    expect(view.apply(others.map((key) => ({ key, value: '{}' })))).toEqual({ networks: new Set(), endpoints: new Set() });
    view.apply([{ key: keys.network('n'), value: 'not JSON' }]);
    expect(unreadable).toEqual(['/test/networks/n']);
    expect(view.networks()).toEqual([]);
  });
});
