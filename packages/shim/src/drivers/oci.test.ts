import { existsSync } from 'node:fs';
import { driverSuite } from '../testing/driver-suite';

for (const binary of ['/usr/sbin/runc', '/usr/bin/crun']) {
  if (existsSync(binary)) {
    driverSuite(`oci ${binary}`, { driver: 'oci', binary });
  } else {
    process.stderr.write(`SKIP: driver oci is not tested with ${binary}, which is not installed\n`);
    describe.skip(`driver oci ${binary}`, () => test('needs the binary', () => undefined));
  }
}
