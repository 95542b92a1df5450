export type { Pattern } from './pattern';
export { compileGlob, compilePattern } from './pattern';
