import type { BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import type { SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { invalidArgument, notImplemented } from '@gantry/rpc';
import type { StepNetwork } from '../executor/executor';
import { STEP_NETWORK } from '../ops/exec/network';
import { CLASSIC, TELLER } from '../frontend/dockerfile/classic/teller';
import { NAMED_ARGS } from '../frontend/dockerfile/classic/unused-args';

/** A build for the classic builder in the form of the other one. Errors: what it cannot have, by name. */
export function classicRequest(build: BuildImageRequest): BuildImageRequest {
  if (build.session !== '' || build.remote === 'client-session') throw invalidArgument('a session is for version=2');
  for (const [name, value] of Object.entries(limitsOf(build)))
    if (value !== 0n && value !== '') throw notImplemented(`a build with ${name} is not implemented by gantry`);
  return { ...build, outputs: [], networkMode: ['host', 'none'].includes(build.networkMode) ? build.networkMode : 'default' };
}

/** The network of a build's commands that LLB has no mode for: one of the engine's, or a container's. */
export function stepNetwork({ networkMode }: Pick<BuildImageRequest, 'networkMode'>): StepNetwork | undefined {
  if (['', 'default', 'bridge', 'host', 'none'].includes(networkMode)) return undefined;
  return networkMode.startsWith(CONTAINER) ? { of: networkMode.slice(CONTAINER.length) } : { name: networkMode };
}

const CONTAINER = 'container:';

/** Limits of a container, by the names of their parameters; steps are tasks without any. */
function limitsOf({ resources }: BuildImageRequest): Readonly<Record<string, bigint | string>> {
  const { memory = 0n, memorySwap = 0n, cpuShares = 0n, cpuPeriod = 0n, cpuQuota = 0n, cpusetCpus = '', cpusetMems = '' } = resources ?? {};
  return {
    memory,
    memswap: memorySwap,
    cpushares: cpuShares,
    cpuperiod: cpuPeriod,
    cpuquota: cpuQuota,
    cpusetcpus: cpusetCpus,
    cpusetmems: cpusetMems,
  };
}

/** The same solve with the classic frontend, told to the teller of this name; its commands are on the network of this name where there is one. */
export function classicSolve(
  request: SolveRequest,
  build: BuildImageRequest,
  { teller, network }: { readonly teller: string; readonly network?: string },
): SolveRequest {
  const cgroup = build.resources?.cgroupParent ?? '';
  return {
    ...request,
    Frontend: CLASSIC,
    FrontendAttrs: {
      ...request.FrontendAttrs,
      [TELLER]: teller,
      ...(network === undefined ? {} : { [STEP_NETWORK]: network }),
      [NAMED_ARGS]: build.buildArgs.map(({ name }) => name).join(','),
      ...(cgroup === '' ? {} : { 'cgroup-parent': cgroup }),
    },
  };
}
