import { CgroupDriver, type RuntimeConfigResponse } from '@gantry/api/runtime/v1/api';
import type { CriConfig } from '../config';

/** Who makes cgroups: kubelet does as it is told. */
export function runtimeConfig(config: Pick<CriConfig, 'cgroup-driver'>): RuntimeConfigResponse {
  return { linux: { cgroupDriver: config['cgroup-driver'] === 'systemd' ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS } };
}
