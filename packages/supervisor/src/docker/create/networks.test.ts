import { HostConfig, NetworkingConfig } from '@gantry/api/gantry/engine/v1/types';
import { planNetworks } from './networks';

const plan = (NetworkMode: string, endpoints: Record<string, object>, mac = ''): readonly string[] =>
  planNetworks(HostConfig.fromPartial({ NetworkMode }), NetworkingConfig.fromPartial({ EndpointsConfig: endpoints }), mac).order;

test.each<[string, string[], string[]]>([
  ['', [], ['bridge']],
  ['default', ['one', 'two'], ['one', 'two']],
  ['', ['one'], ['one']],
  ['bridge', ['one', 'default'], ['bridge', 'one']],
  ['two', ['one', 'two'], ['two', 'one']],
  ['host', ['host'], ['host']],
  ['container:x', ['one'], []],
])('network mode "%s" with endpoints %j', (mode, endpoints, expected) => {
  expect(plan(mode, Object.fromEntries(endpoints.map((name) => [name, {}])))).toEqual(expected);
});

test('a mode that shares no network takes no endpoint beside it', () => {
  expect(() => plan('host', { one: {} })).toThrow('cannot attach both user-defined and non-user-defined network-modes');
});
