export type { TreeMount } from './mount';
export { TreeProgram } from './program';
export { TreeRequest } from './request';
