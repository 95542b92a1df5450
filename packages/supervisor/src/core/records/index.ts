export type { ContainerdContainer, Namespace, Namespaces, RecordChange, Records, TransactionOptions, Views } from './contract';
export { VIEW_EXTENSION } from './contract';
export { Database } from './database';
export { openRecords } from './records';
