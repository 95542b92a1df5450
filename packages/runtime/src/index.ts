export type {
  CompileCreate, CompileExec, CreateOptions, CreatePlan, ExecOptions, ExecPlan, ExecTarget,
} from './compile/contract';
export type { BlkioEntry, CgroupDirectory, CgroupManager, CgroupPlan, CgroupStats } from './cgroup/contract';
// compileCreate(spec, options), compileExec(process, target, options), createCgroupManager(),
// containerCgroupPath(spec, id), monitorCgroupPath(id) and seccomp.compile(profile) are exported here too.
