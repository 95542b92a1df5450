export type { LiveSandbox, Sandboxes, SandboxPhase, SandboxRecord, SandboxState } from './contract';
export { openSandboxes } from './sandboxes';
