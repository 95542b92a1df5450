export type { ImportedKeys } from './evaluate';
export type { Job, JobOptions, Solved, SolveOptions } from './job';
export type { Found, FoundResult, Key, KeyStore, LinkAt, StoredResult } from './key-store';
export type { CacheInput, CacheMap, Op, OpMaker, StepContext, VertexAbout } from './op';
export { makeSolver, type Solver, type SolverParts } from './solver';
export { vertexOf } from './step-error';
export { keysTables } from './store/schema';
export { StoredKeys } from './store/stored-keys';
export type { SubSolver } from './sub-solve';
