import type { ServiceSpec } from '@gantry/service';
import { compose } from './compose';
import { checkConfig, defaults, type SupervisorConfig } from './config';

/** The supervisor as its main.ts and the launcher know it. */
export const service: ServiceSpec<SupervisorConfig> = {
  name: 'supervisor',
  binary: 'gantry-supervisor',
  version: process.env['GANTRY_VERSION'] ?? '0.0.0',
  summary: "containers, with containerd's API and docker's on one set of records",
  defaults,
  flags: {
    'default-runtime': { type: 'string', value: 'NAME', help: 'runtime of containers that name none (default runc, which is ours)' },
    'userns-remap': {
      type: 'string',
      value: 'USER[:GROUP]',
      help: 'whose ids of /etc/subuid and /etc/subgid containers get; default: the user dockremap',
    },
    namespace: { type: 'string', value: 'NAME', help: "containerd namespace of docker's containers (default gantry)" },
  },
  check: checkConfig,
  compose,
};
