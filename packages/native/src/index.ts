export { findProgram, locateProgram, type ProgramName } from './locate';
export { isOfProgram, type LaunchCode, LAUNCH_CODES, launchCode } from './launch-code';
export { gzipLevel, squeeze, type Squeezing, type WrittenBlob } from './squeeze';
export { treeFailure, treeOutcome } from './tree-outcome';
export type { TreeMount } from './tree';
export { TreeProgram, TreeRequest } from './tree';
export { AnswerReader, encodeRequest, type Fields, type FieldValue, type HelperAnswer, type RequestKind } from './helper/frame';
export { Helper, type HelperOptions, type RunOptions } from './helper/helper';
