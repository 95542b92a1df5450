import type { LinuxContainerSecurityContext } from '@gantry/api/runtime/v1/api';
import { SupplementalGroupsPolicy } from '@gantry/api/runtime/v1/api';
import { type ResolvedUser, resolveUser } from '@gantry/spec';
import { unknown } from '../failures';

/** Texts of the image's own /etc/passwd and /etc/group. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

/** Who a container's process is: as kubelet says, else as the image does. */
export function userOf(security: LinuxContainerSecurityContext | undefined, image: string, { passwd, group }: UserFiles): ResolvedUser {
  const chosen = security?.runAsUser !== undefined ? String(security.runAsUser.value) : (security?.runAsUsername ?? '');
  if (security?.runAsGroup !== undefined && chosen === '')
    throw unknown('run_as_group is specified without run_as_user or run_as_username');
  const given = chosen === '' ? image : chosen;
  const found = resolveUser(given, [], passwd, group);
  // An explicit group replaces the file's own, but not the memberships.
  const gid = security?.runAsGroup !== undefined ? Number(security.runAsGroup.value) : found.gid;
  const memberships = security?.supplementalGroupsPolicy === SupplementalGroupsPolicy.Strict ? [] : found.additionalGids;
  const groups = [gid, ...memberships.filter((one) => one !== found.gid), ...(security?.supplementalGroups ?? []).map(Number)];
  return { ...found, gid, additionalGids: [...new Set(groups)] };
}
