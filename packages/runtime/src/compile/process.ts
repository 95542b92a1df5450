import { isAbsolute } from 'node:path';
import { invalidArgument } from '@gantry/rpc/errors';
import type { LinuxSeccomp, Process, Scheduler } from '@gantry/oci';
import { rlimitNumbers } from '../plan/kernel';
import type { Operation } from '../plan/operations';
import { compileSeccomp } from '../seccomp/compile';
import { seccompFlags } from '../seccomp/flags';
import { compileCapabilities } from './capabilities';
import { lastOfEach } from './environment';

const UINT32 = 0xffffffff;

export interface ProcessContext {
  readonly seccomp: LinuxSeccomp | undefined;
  readonly userNamespace: boolean;
  readonly startHooks: readonly Operation[];
  /** Processors of the program itself; empty = all that its cgroup has. */
  readonly processors: Uint8Array;
  /** The bundle's own, which an exec shares. */
  readonly landlock: readonly Operation[];
  readonly warnings: string[];
}

/** Refuses what cannot be: before any operation is made. */
export function checkProcess(process: Process): void {
  if (!process.args?.length || process.args[0] === undefined) throw invalidArgument('config.json: process.args is empty');
  if (!process.cwd) throw invalidArgument('config.json: process.cwd is empty');
  if (!isAbsolute(process.cwd)) throw invalidArgument(`config.json: process.cwd "${process.cwd}" is not absolute`);
  checkId(process.user?.uid ?? 0, 'process.user.uid');
  checkId(process.user?.gid ?? 0, 'process.user.gid');
  for (const [i, gid] of (process.user?.additionalGids ?? []).entries()) checkId(gid, `process.user.additionalGids[${i}]`);
  const umask = process.user?.umask;
  if (umask !== undefined && (!Number.isInteger(umask) || umask < 0 || umask > 0o777))
    throw invalidArgument(`config.json: process.user.umask ${umask} is out of range`);
}

function checkId(id: number, path: string): void {
  /* The last one means "no change" to the kernel. */
  if (!Number.isInteger(id) || id < 0 || id >= UINT32) throw invalidArgument(`config.json: ${path} ${id} is out of range`);
}

/** What the parent does for a process once it is cloned. */
export function compileLimits(process: Process): Operation[] {
  const list: Operation[] = [];
  if (process.oomScoreAdj !== undefined && process.oomScoreAdj !== null) list.push(['OOM_SCORE_ADJ', process.oomScoreAdj]);
  const seen = new Set<string>();
  for (const limit of process.rlimits ?? []) {
    const number = rlimitNumbers[limit.type];
    if (number === undefined) throw invalidArgument(`config.json: process.rlimits: type "${limit.type}" is unknown`);
    if (seen.has(limit.type)) throw invalidArgument(`config.json: process.rlimits: "${limit.type}" is there twice`);
    seen.add(limit.type);
    list.push(['RLIMIT', number, rlimitValue(limit.soft), rlimitValue(limit.hard)]);
  }
  return list;
}

/* JSON readers that lose the last bits of 2^64-1 give 2^64: infinity was meant. */
function rlimitValue(value: number | bigint | null): bigint {
  const n = BigInt(value ?? 0);
  return n >= 1n << 64n ? (1n << 64n) - 1n : n;
}

/** What the child does last: security labels, identity, the program. */
export function compileProcess(process: Process, context: ProcessContext): Operation[] {
  const list: Operation[] = [];
  if (process.apparmorProfile) list.push(['APPARMOR', `exec ${process.apparmorProfile}`]);
  if (process.selinuxLabel) list.push(['SELINUX', process.selinuxLabel]);
  if (process.scheduler?.policy) list.push(compileScheduler(process.scheduler));
  if (process.ioPriority?.class) list.push(compileIoPriority(process.ioPriority));
  list.push(...context.startHooks);
  list.push(['AFFINITY_FINAL', context.processors]);
  list.push(...context.landlock);
  if (process.noNewPrivileges) list.push(['NO_NEW_PRIVS']);
  list.push(compileCapabilities(process.capabilities, context.userNamespace, context.warnings));
  list.push(['CWD', process.cwd]);
  list.push(['USER', process.user?.uid ?? 0, process.user?.gid ?? 0, process.user?.umask ?? -1, process.user?.additionalGids ?? []]);
  if (context.seccomp?.defaultAction) {
    const filter = compileSeccomp(context.seccomp);
    if (filter.length > 0) list.push(['SECCOMP', seccompFlags(context.seccomp), filter]);
  }
  const { args = [], env = [] } = process;
  list.push(['EXEC_CODE', args, lastOfEach(env), 1]);
  return list;
}

const policies: Readonly<Record<string, number>> = {
  SCHED_OTHER: 0,
  SCHED_FIFO: 1,
  SCHED_RR: 2,
  SCHED_BATCH: 3,
  SCHED_ISO: 4,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
};
const schedulerFlags: Readonly<Record<string, number>> = {
  SCHED_FLAG_RESET_ON_FORK: 1,
  SCHED_FLAG_RECLAIM: 2,
  SCHED_FLAG_DL_OVERRUN: 4,
  SCHED_FLAG_KEEP_POLICY: 8,
  SCHED_FLAG_KEEP_PARAMS: 16,
  SCHED_FLAG_UTIL_CLAMP_MIN: 32,
  SCHED_FLAG_UTIL_CLAMP_MAX: 64,
};

function compileScheduler(scheduler: Scheduler): Operation {
  const policy = policies[scheduler.policy];
  if (policy === undefined) throw invalidArgument(`config.json: process.scheduler.policy "${scheduler.policy}" is unknown`);
  let flags = 0;
  for (const name of scheduler.flags ?? []) {
    const bit = schedulerFlags[name];
    if (bit === undefined) throw invalidArgument(`config.json: process.scheduler.flags: "${name}" is unknown`);
    flags |= bit;
  }
  return [
    'SCHEDULER',
    policy,
    flags,
    scheduler.nice ?? 0,
    scheduler.priority ?? 0,
    scheduler.runtime ?? 0,
    scheduler.deadline ?? 0,
    scheduler.period ?? 0,
  ];
}

const ioClasses: Readonly<Record<string, number>> = { IOPRIO_CLASS_RT: 1, IOPRIO_CLASS_BE: 2, IOPRIO_CLASS_IDLE: 3 };

function compileIoPriority(priority: { class: string; priority?: number }): Operation {
  const number = ioClasses[priority.class];
  const level = priority.priority ?? 0;
  if (number === undefined) throw invalidArgument(`config.json: process.ioPriority.class "${priority.class}" is unknown`);
  if (level < 0 || level > 7) throw invalidArgument(`config.json: process.ioPriority.priority ${level} is not 0 to 7`);
  return ['IO_PRIORITY', (number << 13) | level];
}
