import { access } from 'node:fs/promises';
import type { SELinuxOption } from '@gantry/api/runtime/v1/api';
import { notImplemented } from '@gantry/rpc';

/** There where the kernel has SELinux on; elsewhere neither files nor processes have labels. */
const SELINUX = '/sys/fs/selinux/enforce';

export const hasSelinux = (): Promise<boolean> =>
  access(SELINUX).then(
    () => true,
    () => false,
  );

/** Labels are refused by name where the kernel would go by them. Elsewhere they mean nothing, and pods come with them: Kubernetes' own conformance tests do. */
export function checkSelinux(options: SELinuxOption | undefined, selinux: boolean): void {
  if (selinux && options !== undefined && Object.values(options).some((value) => value !== ''))
    throw notImplemented('security_context.selinux_options: SELinux is not supported');
}
