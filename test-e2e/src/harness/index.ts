export { hasProgram, testWith } from './capability';
export { command, ended, until, type CommandOptions, type CommandResult } from './command';
export { kinds, loadBusybox, startEngine, type Engine, type EngineKind, type EngineOptions } from './engine';
export { getFromContainer, getFromHost } from './http-get';
export { leftovers, takeSnapshot, type MachineSnapshot } from './leftovers';
export { bundles, pinnedNode, projectRoot, swaggerFolder } from './paths';
export { describeEngine, type Suite } from './suite';
export { startRegistry, type Registry } from './registry';
