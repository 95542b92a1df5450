import { readFile } from 'node:fs/promises';
import { type LinuxContainerSecurityContext, SecurityProfile_ProfileType } from '@gantry/api/runtime/v1/api';
import { parseSeccompProfile, type SeccompProfile } from '@gantry/oci/seccomp';
import { errorText } from '@gantry/rpc';
import { unknown } from '../failures';

/** Which system calls a container may make. One that says nothing may make all: kubelet always says. */
export async function seccompOf(
  security: Pick<LinuxContainerSecurityContext, 'privileged' | 'seccomp' | 'seccompProfilePath'> | undefined,
): Promise<'default' | 'unconfined' | SeccompProfile> {
  if (security === undefined || security.privileged) return 'unconfined';
  if (security.seccomp !== undefined) {
    const { profileType, localhostRef } = security.seccomp;
    if (profileType === SecurityProfile_ProfileType.Localhost) return fileOf(localhostRef);
    return profileType === SecurityProfile_ProfileType.RuntimeDefault ? 'default' : 'unconfined';
  }
  const path = security.seccompProfilePath; // older clients
  if (path === 'runtime/default' || path === 'docker/default') return 'default';
  if (path.startsWith('localhost/')) return fileOf(path.slice('localhost/'.length));
  if (path !== '' && path !== 'unconfined') throw unknown(`seccomp_profile_path "${path}" is not known`);
  return 'unconfined';
}

async function fileOf(path: string): Promise<SeccompProfile> {
  try {
    return parseSeccompProfile(await readFile(path, 'utf8'));
  } catch (error) {
    throw unknown(`seccomp profile "${path}" cannot be used: ${errorText(error)}`, { cause: error });
  }
}
