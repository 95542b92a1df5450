export type { SupervisorConfig } from './config';
export { service } from './service';
