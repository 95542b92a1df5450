export { checkCaps, llbCaps } from './caps';
export { type ReadOptions, readDefinition, type SourcePolicy } from './read';
export { type Edge, type Vertex, verticesOf } from './vertex';
