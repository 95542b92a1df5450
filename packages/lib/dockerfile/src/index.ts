export { expandWord, expandWords, type Lookup } from './expand';
export { type Command, type Healthcheck, type Instruction, type InstructionName, parseInstructions } from './instruction';
export { type Escape, logicalLines } from './logical-lines';
export { isSignal } from './signal';
export { ShellPattern } from './shell-pattern';
export { splitLine, type SplitLine } from './split-line';
export { splitWords } from './words';
