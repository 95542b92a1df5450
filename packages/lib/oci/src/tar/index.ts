export { paxRecord, writeSum } from './tar-headers';
export type { TarEntry } from './tar-reader';
export { ByteSource, checkSum, number, padding, readTar } from './tar-reader';
export type { TarHead } from './tar-writer';
export { TAR_END, tarHeaders, tarPadding } from './tar-writer';
