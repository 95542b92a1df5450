export { compileCreate, createOperations } from './compile/create';
export { compileExec } from './compile/exec';
export type { CompileCreate, CompileExec, CreateOptions, CreatePlan, ExecOptions, ExecPlan, ExecTarget } from './compile/contract';
export type { BlkioEntry, CgroupDirectory, CgroupManager, CgroupMeter, CgroupPlan, CgroupStats } from './cgroup/contract';
export { createCgroupManager } from './cgroup/manager';
export { checkCgroupPath, containerCgroupPath, monitorCgroupPath } from './cgroup/paths';
export { reserve, saveState } from './cli/state';
export { present, removeAllBut } from './criu/half-dump';
export { compileSeccomp } from './seccomp/compile';
