import { existsSync } from 'node:fs';
import { withoutUnifiedControllers } from '../testing/crun-host';
import { driverSuite } from '../testing/driver-suite';

for (const binary of ['/usr/sbin/runc', '/usr/bin/crun']) {
  if (!existsSync(binary)) {
    describe.skip(`driver oci: ${binary} is not installed`, () => test('is skipped', () => undefined));
    continue;
  }
  describe('on this host', () => {
    let undo = (): void => undefined;
    beforeAll(() => {
      if (binary.endsWith('crun')) undo = withoutUnifiedControllers();
    });
    afterAll(() => undo());
    driverSuite(`oci ${binary}`, { driver: 'oci', binary });
  });
}
