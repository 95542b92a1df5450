export type { Row } from './database';
export { StoreDatabase } from './database';
export type { StoreOptions } from './open-store';
export { closeStore, openStore } from './open-store';
export { damaged, foreign, storeError, UNUSABLE } from './store-error';
