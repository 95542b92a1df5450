import type { DriverName } from './driver';

/** Options of Create that are runc's own, by their names there. */
export type RuncOption =
  'no_pivot_root' | 'no_new_keyring' | 'systemd_cgroup' | 'criu_image_path' | 'criu_work_path' | 'root' | 'io_uid' | 'io_gid';

/** What a driver needs to be told, and what it can be told; the rest is refused by name. */
export interface DriverTraits {
  /** Another program makes the container: it is named, with arguments before the verb. */
  readonly binary: boolean;
  /** A Task v3 server makes it, by socket or command. */
  readonly service: boolean;
  /** Options of the other program's own, passed on as they are. */
  readonly runtimeOptions: boolean;
  readonly runc: readonly RuncOption[];
}

export const driverTraits = {
  native: {
    binary: false,
    service: false,
    runtimeOptions: false,
    runc: ['no_pivot_root', 'no_new_keyring', 'systemd_cgroup', 'io_uid', 'io_gid'],
  },
  oci: {
    binary: true,
    service: false,
    runtimeOptions: false,
    runc: ['no_pivot_root', 'no_new_keyring', 'systemd_cgroup', 'criu_image_path', 'criu_work_path', 'root', 'io_uid', 'io_gid'],
  },
  'containerd-shim': { binary: true, service: false, runtimeOptions: true, runc: [] },
  'task-service': { binary: false, service: true, runtimeOptions: true, runc: [] },
} as const satisfies Readonly<Record<DriverName, DriverTraits>>;
