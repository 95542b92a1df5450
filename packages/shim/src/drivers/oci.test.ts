import { existsSync } from 'node:fs';
import { driverSuite } from '../testing/driver-suite';

for (const binary of ['/usr/sbin/runc', '/usr/bin/crun']) {
  if (existsSync(binary)) {
    driverSuite(`oci ${binary}`, { driver: 'oci', binary });
  } else {
    describe.skip(`driver oci: ${binary} is not installed`, () => test('is skipped', () => undefined));
  }
}
