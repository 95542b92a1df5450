import type { ServiceSpec } from '@gantry/service';
import { compose } from './compose';
import { type BuilderConfig, checkConfig, defaults, flags, tcpAddresses, version } from './config';

/** The builder as its main.ts and the launcher know it. */
export const service: ServiceSpec<BuilderConfig> = {
  name: 'build',
  binary: 'gantry-build',
  version,
  summary: "images out of Dockerfiles and LLB, on BuildKit's protocol",
  defaults,
  flags,
  check: checkConfig,
  listens: (config) => tcpAddresses(config).filter((address) => !address.endsWith(':0')),
  compose,
};
