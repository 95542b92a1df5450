import { readFileSync } from 'node:fs';
import { invalidArgument } from '@gantry/rpc/errors';
import type { Process, Spec } from '@gantry/oci';

/** Which security modules label processes on this host; read when a label asks, a test gives its own. */
export interface LabelSupport {
  readonly apparmor: boolean;
  readonly selinux: boolean;
}

export function readLabelSupport(): LabelSupport {
  return {
    get apparmor() {
      return text('/sys/module/apparmor/parameters/enabled').startsWith('Y');
    },
    get selinux() {
      return /\sselinuxfs\s/.test(text('/proc/self/mounts'));
    },
  };
}

/** A label that the kernel would not enforce is refused by its name: the container would run with fewer limits than it was given. */
export function checkLabels(process: Process | undefined, spec: Spec | undefined, support: LabelSupport = readLabelSupport()): void {
  if (process?.apparmorProfile && process.apparmorProfile !== 'unconfined' && !support.apparmor) {
    throw invalidArgument(`config.json: process.apparmorProfile "${process.apparmorProfile}": AppArmor is not enabled on this host`);
  }
  if (process?.selinuxLabel && !support.selinux)
    throw invalidArgument(`config.json: process.selinuxLabel "${process.selinuxLabel}": SELinux is not enabled on this host`);
  if (spec?.linux?.mountLabel && !support.selinux)
    throw invalidArgument(`config.json: linux.mountLabel "${spec.linux.mountLabel}": SELinux is not enabled on this host`);
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; /* a kernel without it */
  }
}
