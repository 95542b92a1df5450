import { hasPorts } from './driver-of';

test.each([
  [{ networkOrder: [], networkDrivers: {} }, false],
  [{ networkOrder: ['none'], networkDrivers: {} }, false],
  [{ networkOrder: ['host'], networkDrivers: { host: 'host' } }, false],
  [{ networkOrder: ['lan'], networkDrivers: { lan: 'macvlan' } }, false],
  [{ networkOrder: ['lan', 'bridge'], networkDrivers: { lan: 'macvlan', bridge: 'bridge' } }, true],
  [{ networkOrder: ['app'], networkDrivers: {} }, true],
  [{ networkOrder: ['app'], networkDrivers: { app: 'weave' } }, true],
])('ports of %j are shown: %s', (docker, shown) => expect(hasPorts(docker)).toBe(shown));
