import type { ServiceSpec } from '@gantry/service';
import { compose } from './compose';
import { shimDefaults, type ShimConfig, shimFlags } from './config';

/** The shim as main.ts and the launcher know it. */
export const shimService: ServiceSpec<ShimConfig> = {
  name: 'shim',
  binary: 'gantry-shim',
  version: '0.1.0',
  summary: "runs tasks: containerd's Task v3 service over gRPC, for many tasks of several namespaces",
  defaults: shimDefaults,
  flags: shimFlags,
  compose,
};
