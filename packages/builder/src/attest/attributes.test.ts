import { readAttestAttributes } from './attributes';

const read = (value: string, kind = 'provenance') => readAttestAttributes(new Map([[`attest:${kind}`, value]]));

test('bake says of which type an attestation is, once more', () => {
  expect(read('type=provenance,mode=min').provenance).toMatchObject({ mode: 'min', version: 'v0.2' });
  expect(read('').provenance?.mode).toBe('max');
});

test('how busy the host was is told to who asks', () => {
  expect([read('capture-usage=true'), read('capture-usage=0'), read('mode=max')].map((each) => each.provenance?.captureUsage)).toEqual([
    true,
    false,
    false,
  ]);
});

test.each([
  ['mode=some', 'invalid mode "some"'],
  ['version=v2', 'invalid provenance SLSA version: v2'],
  ['moed=max', 'unknown provenance attribute "moed"'],
])('%s is refused by name', (value, message) => {
  expect(() => read(value)).toThrow(message);
});

test('what is told to a scanner does not name the type', () => {
  const { sbom } = read('type=sbom,generator=scanner,LEVEL=2', 'sbom');
  expect([sbom?.generator, [...(sbom?.parameters ?? [])]]).toEqual(['scanner', [['LEVEL', '2']]]);
});
