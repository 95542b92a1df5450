import type { Process } from '@gantry/oci';
import { cgroupOperations } from '../cgroup/operations';
import { encodePlan } from '../plan/encode';
import { CLONE } from '../plan/kernel';
import type { Operation } from '../plan/operations';
import { compileListener } from '../seccomp/listener';
import type { ExecOptions, ExecPlan, ExecTarget } from './contract';
import { parseList } from './cpus';
import { checkLabels } from './labels';
import { compileLandlock } from './landlock';
import { compileMemoryPolicy } from './memory-policy';
import { compilePersonality } from './personality';
import { checkProcess, compileLimits, compileProcess } from './process';
import { honouredProcess, refuseUnknown } from './refuse';

const everyNamespace = Object.values(CLONE).reduce((all, flag) => all | flag, 0) >>> 0;

/** A process that joins a running container: every namespace of its init that is not the caller's own. */
export function compileExec(process: Process, target: ExecTarget, options: ExecOptions): ExecPlan {
  const warnings: string[] = [];
  refuseUnknown(process, honouredProcess, 'process', warnings);
  const effective = withDefaults(process, target);
  checkProcess(effective);
  checkLabels(effective, undefined, options.labels);
  const { initial, final } = effective.execCPUAffinity ?? {};
  const list: Operation[] = [
    ...(target.cgroup ? cgroupOperations(target.cgroup, undefined) : []),
    ...(initial ? [['AFFINITY', parseList(initial, 'process.execCPUAffinity.initial')] as Operation] : []),
    ...compileListener(
      target.spec.linux?.seccomp,
      { id: options.id, bundle: options.bundle ?? '', status: 'running', spec: target.spec },
      warnings,
    ),
    ['TARGET', target.pid, target.startTime, everyNamespace],
    ...compileLimits(effective),
    ['SESSION'],
    ...(options.noNewKeyring ? [] : [['KEYRING', `_ses.${options.id}`] as Operation]),
    ...(effective.terminal ? [['CONSOLE', 0] as Operation] : []),
    ...compilePersonality(target.spec),
    ...compileMemoryPolicy(target.spec),
    ...compileProcess(effective, {
      seccomp: target.spec.linux?.seccomp,
      userNamespace: (target.spec.linux?.namespaces ?? []).some((n) => n.type === 'user'),
      startHooks: [],
      processors: final ? parseList(final, 'process.execCPUAffinity.final') : new Uint8Array(),
      landlock: compileLandlock(target.spec),
      warnings,
    }),
  ];
  const plan = encodePlan({ kind: 'exec', cloneFlags: 0, preserve: options.preserveFds ?? 0 }, list);
  return { plan, terminal: effective.terminal === true, warnings };
}

/** What an exec does not say is as in the container's own process. */
function withDefaults(process: Process, target: ExecTarget): Process {
  const own = target.spec.process;
  if (!own) return process;
  const result: Process = { ...process };
  if (result.capabilities === undefined && own.capabilities) result.capabilities = { ...own.capabilities, inheritable: [], ambient: [] };
  if (!result.apparmorProfile && own.apparmorProfile) result.apparmorProfile = own.apparmorProfile;
  if (!result.selinuxLabel && own.selinuxLabel) result.selinuxLabel = own.selinuxLabel;
  if (result.oomScoreAdj === undefined && own.oomScoreAdj !== undefined) result.oomScoreAdj = own.oomScoreAdj;
  if (!result.rlimits?.length && own.rlimits) result.rlimits = own.rlimits;
  if (result.execCPUAffinity === undefined && own.execCPUAffinity) result.execCPUAffinity = own.execCPUAffinity;
  if (result.noNewPrivileges === undefined && own.noNewPrivileges) result.noNewPrivileges = true;
  return result;
}
