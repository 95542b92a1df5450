import type { ServiceSpec } from '@gantry/service';
import { compose } from './compose';
import { checkConfig, type CriConfig, defaults, flags, version } from './config';

/** gantry-cri as its main.ts and the launcher know it. */
export const service: ServiceSpec<CriConfig> = {
  name: 'cri',
  binary: 'gantry-cri',
  version,
  summary: "Kubernetes' pods and containers, on its container runtime interface",
  defaults,
  flags,
  check: checkConfig,
  compose,
};
