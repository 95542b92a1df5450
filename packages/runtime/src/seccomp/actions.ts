import { invalidArgument } from '@gantry/rpc/errors';
import type { SeccompAction } from '@gantry/oci';

const EPERM = 1;

/** SECCOMP_RET_* with its data; errno defaults to EPERM. */
export function actionValue(action: SeccompAction, errnoRet: number | undefined): number {
  const errno = errnoRet ?? EPERM;
  if (!Number.isInteger(errno) || errno < 0 || errno > 0xffff)
    throw invalidArgument(`config.json: linux.seccomp: errnoRet ${errno} is out of range`);
  switch (action) {
    case 'SCMP_ACT_KILL':
    case 'SCMP_ACT_KILL_THREAD':
      return 0x00000000;
    case 'SCMP_ACT_KILL_PROCESS':
      return 0x80000000;
    case 'SCMP_ACT_TRAP':
      return 0x00030000;
    case 'SCMP_ACT_ERRNO':
      /* The kernel takes errnos up to 4095. */
      return 0x00050000 | Math.min(errno, 4095);
    case 'SCMP_ACT_TRACE':
      return 0x7ff00000 | errno;
    case 'SCMP_ACT_LOG':
      return 0x7ffc0000;
    case 'SCMP_ACT_ALLOW':
      return 0x7fff0000;
    case 'SCMP_ACT_NOTIFY':
      return 0x7fc00000;
    default:
      throw invalidArgument(`config.json: linux.seccomp: action "${String(action)}" is unknown`);
  }
}

export const supportedActions: readonly SeccompAction[] = [
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_LOG',
  'SCMP_ACT_NOTIFY',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_TRAP',
];
