export type {
  CompileCreate, CompileExec, CreateOptions, CreatePlan, ExecOptions, ExecPlan, ExecTarget,
} from './compile/contract.js';
export type { BlkioEntry, CgroupDirectory, CgroupManager, CgroupPlan, CgroupStats } from './cgroup/contract.js';
// compileCreate(spec, options), compileExec(process, target, options), createCgroupManager(),
// containerCgroupPath(spec, id), monitorCgroupPath(id) and seccomp.compile(profile) are exported here too.
