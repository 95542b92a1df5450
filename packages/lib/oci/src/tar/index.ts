export type { TarEntry } from './tar-reader';
export { readTar } from './tar-reader';
