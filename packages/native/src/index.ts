export { findProgram, locateProgram, type ProgramName } from './locate';
export { isOfProgram, type LaunchCode, LAUNCH_CODES, launchCode } from './launch-code';
export { treeOutcome } from './tree-outcome';
export { AnswerReader, encodeRequest, type Fields, type FieldValue, type HelperAnswer, type RequestKind } from './helper/frame';
export { Helper, type HelperOptions } from './helper/helper';
