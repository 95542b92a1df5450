import type { Process } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { DockerContainer } from '../records';
import {
  capabilitySets,
  effectiveCapabilities,
  execEnvironment,
  ociUser,
  parseSecurityOptions,
  type ResolvedUser,
  resolveUser,
  rlimitsOf,
} from '@gantry/spec';
import type { Uses } from '../engine';
import { linkEnvironment } from '../connect/links';
import type { Exec } from './table';
import { runningUserFiles } from './running-user-files';

type Needs = Uses<{ records: 'getDocker' | 'requireDocker' | 'updateDocker'; looks: 'look' }>;

/** Who an exec runs as, looked up in the running root. Throws invalidArgument for one whom nobody knows there. */
export async function execUser(engine: Uses<{ looks: 'look' }>, docker: DockerContainer, asked: string): Promise<ResolvedUser> {
  const { passwd, group } = await runningUserFiles(engine, docker);
  return resolveUser(asked || (docker.config?.User ?? ''), docker.hostConfig?.GroupAdd ?? [], passwd, group);
}

/** The OCI process of an exec: the container's own surroundings, with what the exec says for itself. The user is looked up in the running root. */
export async function execProcess(engine: Needs, _containerId: string, docker: DockerContainer, exec: Exec): Promise<Process> {
  const { config, hostConfig: host } = docker;
  if (config === undefined || host === undefined) throw new TypeError('a container without configuration');
  if (exec.workingDir !== '' && !exec.workingDir.startsWith('/'))
    throw invalidArgument('OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown');
  const user = await execUser(engine, docker, exec.user);
  const capabilities = effectiveCapabilities(host.CapAdd, host.CapDrop, host.Privileged || exec.privileged);
  const [height = 0, width = 0] = exec.consoleSize;
  const rlimits = rlimitsOf(host);
  return {
    terminal: exec.tty,
    ...(exec.tty && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    user: ociUser(user),
    args: [...exec.args],
    env: execEnvironment([...linkEnvironment(engine, docker), ...config.Env], exec.env, {
      hostname: config.Hostname,
      tty: exec.tty,
      home: user.home,
    }),
    cwd: exec.workingDir || config.WorkingDir || '/',
    capabilities: capabilitySets(capabilities, user.uid),
    ...(rlimits.length === 0 ? {} : { rlimits }),
    noNewPrivileges: parseSecurityOptions(host.SecurityOpt).noNewPrivileges,
    oomScoreAdj: Number(host.OomScoreAdj),
  };
}
