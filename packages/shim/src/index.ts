export { purgeGroups } from './cgroups';
export type { ShimConfig } from './config';
export type { Driver, DriverExec, DriverName, DriverTask, RuntimeOptions } from './drivers/driver';
export { shimService } from './service';
export { endServer } from './drivers/remote/known-server';
