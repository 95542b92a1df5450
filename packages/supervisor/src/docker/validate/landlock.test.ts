import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { checkLandlock, landlockOf } from './landlock';

const host = (change: object): HostConfig => HostConfig.fromPartial(change);
const option = { SecurityOpt: ['landlock=ro:/'] };
const annotation = { Annotations: { 'gantry.landlock': 'rw:/data' } };

test('an option or an annotation says it, and not both', () => {
  expect([landlockOf(host({})), landlockOf(host(option)), landlockOf(host(annotation))]).toEqual(['', 'ro:/', 'rw:/data']);
  expect(() => landlockOf(host({ ...option, ...annotation }))).toThrow('one of them must be left out');
  expect(() => landlockOf(host({ Annotations: { 'gantry.landlock': 'x' } }))).toThrow('invalid Landlock rule "x"');
});

test('a runtime that is another program is refused', () => {
  checkLandlock(host({ ...option, Runtime: 'gantry' }), 'native');
  checkLandlock(host({ Runtime: 'crun' }), 'oci');
  expect(() => checkLandlock(host({ ...option, Runtime: 'crun' }), 'oci')).toThrow(
    'runtime crun does not know Landlock: leave landlock out',
  );
});
