import { scanJson } from '../json/scan';
import { containerCreateBody } from './containers';

const read = (EndpointsConfig: unknown) =>
  containerCreateBody.read(scanJson(JSON.stringify({ NetworkingConfig: { EndpointsConfig } })).value, { struct: '', path: '' });

test('a network to join has settings, if empty ones', () => {
  expect(Object.keys(read({ lan: {} }).NetworkingConfig?.EndpointsConfig ?? {})).toEqual(['lan']);
  expect(read(null).NetworkingConfig?.EndpointsConfig).toEqual({});
  expect(() => read({ lan: null })).toThrow('invalid config for network lan: EndpointsConfig is nil');
  expect(() => read({ a: null, b: null })).toThrow(
    '* invalid config for network a: EndpointsConfig is nil\n* invalid config for network b: EndpointsConfig is nil',
  );
});
