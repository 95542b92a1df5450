import type { ServiceSpec } from '@gantry/service';
import { compose } from './compose';
import { checkConfig, defaults, flags, type ImagesConfig } from './config';

/** The images service, for its own main.ts and for `gantry up`. */
export const service: ServiceSpec<ImagesConfig> = {
  name: 'images',
  binary: 'gantry-images',
  version: '0.1.0',
  summary: "content, images, snapshots, diffs, leases and volumes, on containerd's contracts and docker's view",
  defaults,
  flags,
  check: checkConfig,
  compose,
};
