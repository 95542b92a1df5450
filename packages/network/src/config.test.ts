import { commonDefaults } from '@gantry/service';
import { checkNetworkConfig, networkDefaults } from './config';

it.each([
  [{ 'max-age': 0, 'max-packets': 1 }, 'overlay.keys.max-age 0 is no whole number from 1 up'],
  [{ 'max-age': 1, 'max-packets': 1.5 }, 'overlay.keys.max-packets 1.5 is no whole number from 1 up'],
])('keys live no shorter than they can (%j)', (keys, message) => {
  const config = { ...commonDefaults, ...networkDefaults, overlay: { ...networkDefaults.overlay, keys } };
  expect(() => checkNetworkConfig(config)).toThrow(message);
});
