import { driverSuite } from '../testing/driver-suite';

driverSuite('native', {});
