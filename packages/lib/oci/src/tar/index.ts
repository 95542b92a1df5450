export { paxRecord, writeSum } from './tar-headers';
export type { TarEntry } from './tar-reader';
export { ByteSource, checkSum, number, padding, readTar } from './tar-reader';
