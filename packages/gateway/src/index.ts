export type { GatewayConfig } from './config';
export { service } from './service';
