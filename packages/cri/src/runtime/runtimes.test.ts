import { OCI_FEATURES_TYPE_URL, packAny } from '@gantry/api';
import { RuntimeInfo } from '@gantry/api/containerd/types/types';
import { newContext } from '@gantry/rpc';
import { checkConfig, defaults } from '../config';
import { featuresOf, HandlerFeatures, runtimeOf } from './runtimes';

const of = (handlers: Record<string, string>) => ({ 'runtime-handlers': handlers });
const told = (document: object): RuntimeInfo =>
  RuntimeInfo.fromPartial({ features: { typeUrl: OCI_FEATURES_TYPE_URL, value: Buffer.from(JSON.stringify(document)) } });

test('a handler is a runtime of the supervisor by another name', () => {
  expect(runtimeOf(of({}), '')).toBe('runc');
  expect(runtimeOf(of({ '': 'x' }), 'crun')).toBe('crun');
  expect(runtimeOf(of({ wasi: 'wasi-1', runc: 'youki' }), 'wasi')).toBe('wasi-1');
  expect(runtimeOf(of({ runc: 'youki' }), '')).toBe('youki');
  for (const [handlers, name] of [
    [{}, 'kata'],
    [{ crun: '' }, 'crun'],
    [{}, 'toString'],
  ] as const)
    expect(() => runtimeOf(of(handlers), name)).toThrow(`no runtime for "${name}" is configured`);
});

test.each([
  [{ 'runtime-handlers': { 'a b': 'x' } }, 'runtime-handlers.a b'],
  [{ 'runtime-handlers': { runc: '' } }, 'runtime-handlers.runc: pods without a RuntimeClass have it'],
  [{ 'cdi-spec-dirs': ['etc'] }, 'cdi-spec-dirs: "etc" is not an absolute path'],
])('%j is refused by name', (change, words) => expect(() => checkConfig({ ...defaults, ...change } as never)).toThrow(words));

test('features are what the runtime says, and asked for once', async () => {
  const document = { mountOptions: ['ro', 'rro'], linux: { mountExtensions: { idmap: { enabled: true } } } };
  expect(featuresOf(told(document))).toEqual({ recursiveReadOnlyMounts: true, userNamespaces: true });
  expect(featuresOf(told({}))).toEqual({ recursiveReadOnlyMounts: false, userNamespaces: false });
  expect(featuresOf(RuntimeInfo.create())).toEqual({ recursiveReadOnlyMounts: false, userNamespaces: false });
  let asked = 0;
  const introspection = {
    pluginInfo: () =>
      ++asked === 1
        ? Promise.reject(new Error('away'))
        : Promise.resolve({ plugin: undefined, extra: packAny(RuntimeInfo, told(document)) }),
  };
  const handlers = { gantry: '', 'runc-binary': '', crun: '' };
  const features = new HandlerFeatures({ introspection } as never, of(handlers));
  const list = async () => (await features.list(newContext())).map(({ name, features: can }) => [name, can?.userNamespaces]);
  expect(await list()).toEqual([
    ['', false],
    ['runc', true],
  ]);
  expect(await list()).toEqual([
    ['', true],
    ['runc', true],
  ]);
  expect(asked).toBe(2);
});
