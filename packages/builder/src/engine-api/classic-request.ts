import type { BuildImageRequest } from '@gantry/api/gantry/build/v1/build';
import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import type { SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import { invalidArgument } from '@gantry/rpc';
import type { StepNetwork } from '../executor/executor';
import { KEEP_REPLACED } from '../exporters/image/image-attributes';
import { STEP_WISHES, type StepWishes } from '../ops/exec/step-wishes';
import { CACHE_SOURCES, type CacheSources } from '../frontend/dockerfile/classic/cache-sources';
import { CLASSIC, TELLER } from '../frontend/dockerfile/classic/teller';
import { NAMED_ARGS } from '../frontend/dockerfile/classic/unused-args';

/** A build for the classic builder in the form of the other one. Errors: what it cannot have, by name. */
export function classicRequest(build: BuildImageRequest): BuildImageRequest {
  if (build.session !== '' || build.remote === 'client-session') throw invalidArgument('a session is for version=2');
  return { ...build, outputs: [], networkMode: ['host', 'none'].includes(build.networkMode) ? build.networkMode : 'default' };
}

/** What a build wants of its commands and LLB has no words for: limits, a network of the engine's or a container's. */
export function stepWishes(asked: Pick<BuildImageRequest, 'networkMode' | 'resources'>): StepWishes | undefined {
  const [network, limits] = [stepNetwork(asked), limitsOf(asked)];
  if (network === undefined && limits === undefined) return undefined;
  return { ...(network === undefined ? {} : { network }), ...(limits === undefined ? {} : { limits }) };
}

function stepNetwork({ networkMode }: Pick<BuildImageRequest, 'networkMode'>): StepNetwork | undefined {
  if (['', 'default', 'bridge', 'host', 'none'].includes(networkMode)) return undefined;
  return networkMode.startsWith(CONTAINER) ? { of: networkMode.slice(CONTAINER.length) } : { name: networkMode };
}

const CONTAINER = 'container:';

/** Limits of the steps' containers; undefined when there are none. */
export function limitsOf({ resources }: Pick<BuildImageRequest, 'resources'>): HostConfig | undefined {
  const { memory = 0n, memorySwap = 0n, cpuShares = 0n, cpuPeriod = 0n, cpuQuota = 0n, cpusetCpus = '', cpusetMems = '' } = resources ?? {};
  const said = [memory, memorySwap, cpuShares, cpuPeriod, cpuQuota].some((value) => value !== 0n) || cpusetCpus !== '' || cpusetMems !== '';
  if (!said) return undefined;
  return HostConfig.fromPartial({
    Memory: memory,
    MemorySwap: memorySwap,
    CpuShares: cpuShares,
    CpuPeriod: cpuPeriod,
    CpuQuota: cpuQuota,
    CpusetCpus: cpusetCpus,
    CpusetMems: cpusetMems,
  });
}

/** The same solve with the classic frontend, told to the teller of this name; its commands have the wishes of this name where there are some. */
export function classicSolve(
  request: SolveRequest,
  build: BuildImageRequest,
  { teller, wishes, sources }: { readonly teller: string; readonly wishes?: string; readonly sources?: CacheSources },
): SolveRequest {
  const cgroup = build.resources?.cgroupParent ?? '';
  return {
    ...request,
    Frontend: CLASSIC,
    // As what loses its name to a commit or a tag: a step that it was the last of is found again.
    Exporters: request.Exporters.map((exporter) => ({ ...exporter, Attrs: { ...exporter.Attrs, [KEEP_REPLACED]: 'true' } })),
    FrontendAttrs: {
      ...request.FrontendAttrs,
      [TELLER]: teller,
      ...(wishes === undefined ? {} : { [STEP_WISHES]: wishes }),
      ...(sources === undefined ? {} : { [CACHE_SOURCES]: JSON.stringify(sources) }),
      [NAMED_ARGS]: build.buildArgs.map(({ name }) => name).join(','),
      ...(cgroup === '' ? {} : { 'cgroup-parent': cgroup }),
    },
  };
}
