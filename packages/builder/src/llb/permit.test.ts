import { NetMode, type Op, SecurityMode } from '@gantry/api/pb/ops';
import { execDefinition } from '../testing/definitions';
import { permit, permitProcess } from './permit';

const device = (name: string, optional = false) => ({ name, optional });
const rights = { hostNetwork: false, insecure: false, devices: [] };

describe('attack 41: no step and no process gets what the build was not granted', () => {
  const ops: readonly [string, Op][] = [
    ['network.host', execDefinition({ network: NetMode.HOST })],
    ['security.insecure', execDefinition({ security: SecurityMode.INSECURE })],
    ['device', execDefinition({ cdiDevices: [device('vendor.com/gpu=0')] })],
  ];
  test.each(ops)('%s', (right, op) => {
    expect(() => permit(new Set())(op)).toThrow('allowed');
    expect(() => permit(new Set(ops.map(([each]) => each).filter((each) => each !== right)))(op)).toThrow('allowed');
    expect(() => permit(new Set([right]))(op)).not.toThrow();
  });

  test('a device that was granted by its name is that one alone; what need not be there is asked for freely', () => {
    const check = permitProcess(new Set(['device=vendor.com/gpu=0,alias']));
    check({ ...rights, devices: [device('vendor.com/gpu=0'), device('other.com/x=1', true)] });
    expect(() => check({ ...rights, devices: [device('vendor.com/gpu=1'), device('vendor.com/gpu=2')] })).toThrow(
      'devices vendor.com/gpu=1, vendor.com/gpu=2 are requested by the build but not allowed',
    );
  });
});
