import { isAbsolute } from 'node:path';
import { invalidArgument } from '@gantry/rpc/errors';
import type { LinuxSeccomp, Spec } from '@gantry/oci';
import type { Operation } from '../plan/operations';

/** The container as the agent is told about it (runtime-spec, config-linux.md, "The Container Process State"). */
export interface AgentState {
  readonly id: string;
  readonly bundle: string;
  /** `creating` for the container's own process, `running` for an exec. */
  readonly status: string;
  readonly spec: Spec;
}

export function usesNotify(profile: LinuxSeccomp | undefined): boolean {
  return (profile?.syscalls ?? []).some((call) => call.action === 'SCMP_ACT_NOTIFY');
}

/**
 * The connection to the agent behind SCMP_ACT_NOTIFY. Refused: the action as default or for write (its agent would wait for a process
 * that cannot even tell an error), and one without a listenerPath.
 */
export function compileListener(profile: LinuxSeccomp | undefined, state: AgentState, warnings: string[]): Operation[] {
  if (profile?.defaultAction === 'SCMP_ACT_NOTIFY')
    throw invalidArgument('config.json: linux.seccomp: SCMP_ACT_NOTIFY cannot be used as default action');
  const notify = usesNotify(profile);
  const path = profile?.listenerPath;
  if (!notify) {
    if (path) warnings.push('config.json: linux.seccomp.listenerPath is not used: no system call has the action SCMP_ACT_NOTIFY');
    return [];
  }
  if ((profile?.syscalls ?? []).some((call) => call.action === 'SCMP_ACT_NOTIFY' && call.names.includes('write'))) {
    throw invalidArgument('config.json: linux.seccomp: SCMP_ACT_NOTIFY cannot be used for the write syscall');
  }
  if (!path) throw invalidArgument('config.json: linux.seccomp: SCMP_ACT_NOTIFY needs linux.seccomp.listenerPath');
  if (!isAbsolute(path)) throw invalidArgument(`config.json: linux.seccomp.listenerPath "${path}" is not absolute`);
  return [['LISTENER', path, ...message(profile, state)]];
}

/** The JSON text, cut where the process's pid and the container's pid go. */
function message(profile: LinuxSeccomp, { id, bundle, status, spec }: AgentState): [string, string, string] {
  const { ociVersion, annotations } = spec;
  const outer = JSON.stringify({
    ociVersion,
    fds: ['seccompFd'],
    ...(profile.listenerMetadata ? { metadata: profile.listenerMetadata } : {}),
  });
  const inner = JSON.stringify({ bundle, ...(annotations ? { annotations } : {}) });
  return [
    `${outer.slice(0, -1)},"pid":`,
    `,"state":${JSON.stringify({ ociVersion, id, status }).slice(0, -1)},"pid":`,
    `,${inner.slice(1)}}`,
  ];
}
