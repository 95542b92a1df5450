export type { ImagesConfig } from './config';
export { service } from './service';
