export type { MemoryRegistryOptions, Seen } from './memory-registry';
export { digestOf, MemoryRegistry } from './memory-registry';
export { quiet } from './quiet';
