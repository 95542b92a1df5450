export type { DockerContainer, DockerRecord, DockerRecords, MountRecord, Names } from './contract';
export { openDockerRecords } from './records';
