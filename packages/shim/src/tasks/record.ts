import { type ErrorKind, type ErrorMeta, invalidArgument } from '@gantry/rpc';
import type { CgroupPlan } from '@gantry/runtime';
import type { DriverName, RuntimeOptions } from '../drivers/driver';
import type { StdioUris } from './stdio';

/**
 * task.json in the task's directory: written before anything is made, so that a restarted shim can finish or undo. A task counts as
 * created once its monitor was acknowledged (monitor.json); before that, a restart undoes it.
 */
export interface TaskRecord {
  readonly namespace: string;
  readonly id: string;
  readonly bundle: string;
  readonly driver: DriverName;
  readonly runtime: RuntimeOptions;
  readonly stdio: StdioUris;
  /** An existing cgroup in which its monitors are. */
  readonly shimCgroup?: string | undefined;
  /** Mount point of Create's mounts, when there were any. */
  readonly rootfs: string | undefined;
  readonly cgroup: CgroupPlan | undefined;
  /** Directory of images that it is restored from. */
  readonly checkpoint?: string | undefined;
  readonly socket: string;
  /** /proc/sys/kernel/random/boot_id: processes of another boot are gone. */
  readonly bootId: string;
}

/** exec.json in an exec process's directory. */
export interface ExecRecord {
  readonly execId: string;
  /** What it executes; a record of an older shim does not say. */
  readonly program?: string;
  readonly stdio: StdioUris;
  readonly socket: string;
  /** Why it could not be made, which its start tells. */
  readonly refusal?: { readonly kind: ErrorKind; readonly message: string; readonly meta: ErrorMeta };
}

const IDENTIFIER = /^[A-Za-z0-9]+(?:[._-](?:[A-Za-z0-9]+))*$/;
const IDENTIFIER_MAX = 76;

/** containerd's rule for ids and namespaces; they become names of directories. */
export function checkIdentifier(what: string, id: string): string {
  if (id.length === 0 || id.length > IDENTIFIER_MAX || !IDENTIFIER.test(id))
    throw invalidArgument(`${what} ${JSON.stringify(id.slice(0, 100))} is no identifier`);
  return id;
}
