export type { TarEntry } from './tar-reader';
export { ByteSource, checkSum, number, padding, readTar } from './tar-reader';
