import { existsSync } from 'node:fs';
import { driverSuite } from '../testing/driver-suite';

const binary = process.env['GANTRY_TEST_SHIM'] ?? '/usr/bin/containerd-shim-runc-v2';
if (existsSync(binary)) {
  driverSuite(`containerd-shim ${binary}`, { driver: 'containerd-shim', binary });
} else {
  process.stderr.write(`SKIP: driver containerd-shim is not tested with ${binary}, which is not installed\n`);
  describe.skip('driver containerd-shim', () => test('needs the binary', () => undefined));
}
