import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { changeDevices } from './device-limits';

const present = HostConfig.create({
  BlkioWeightDevice: [{ Path: '/dev/a', Weight: 300n }],
  BlkioDeviceReadBps: [
    { Path: '/dev/a', Rate: 100n },
    { Path: '/dev/b', Rate: 200n },
  ],
});

test('a list that was not given stays', () => {
  const { next, apply } = changeDevices(present, HostConfig.create());
  expect([{ ...HostConfig.create(), ...next }, apply]).toEqual([present, {}]);
});

test('another takes the place of the old one', () => {
  const asked = HostConfig.create({ BlkioDeviceReadBps: [{ Path: '/dev/b', Rate: 5n }] });
  const { next, apply } = changeDevices(present, asked);
  expect(next).toMatchObject({ BlkioWeightDevice: present.BlkioWeightDevice, BlkioDeviceReadBps: [{ Path: '/dev/b', Rate: 5n }] });
  expect(next).not.toHaveProperty('Memory');
  expect(apply).toEqual({
    BlkioDeviceReadBps: [
      { Path: '/dev/a', Rate: 0n },
      { Path: '/dev/b', Rate: 5n },
    ],
  });
});

test('an empty one takes all away, and is shown as empty', () => {
  const asked = HostConfig.create({ givenEmpty: ['BlkioWeightDevice', 'BlkioDeviceReadBps', 'Devices'] });
  const { next, apply } = changeDevices(present, asked);
  expect([next.BlkioWeightDevice, next.BlkioDeviceReadBps, next.givenEmpty]).toEqual([[], [], ['BlkioWeightDevice', 'BlkioDeviceReadBps']]);
  expect(apply.BlkioWeightDevice).toEqual([{ Path: '/dev/a', Weight: 0n }]);
  expect(apply.BlkioDeviceReadBps?.map(({ Rate }) => Rate)).toEqual([0n, 0n]);
});
