export type {
  ContainerdContainer,
  DockerContainer,
  DockerRecord,
  MountRecord,
  Names,
  Namespace,
  Namespaces,
  RecordChange,
  Records,
  RunState,
  TransactionOptions,
} from './contract';
export { DOCKER_EXTENSION, Phase } from './contract';
export { Database } from './database';
export { openRecords, openRecordsOn } from './records';
