import type { UsageRecord } from '@gantry/api/moby/buildkit/v1/control';
import type {
  BuildHistoryEvent,
  BuildHistoryRequest,
  DiskUsageRequest,
  PruneRequest,
  SolveRequest,
  UpdateBuildHistoryRequest,
} from '@gantry/api/moby/buildkit/v1/control';
import type { WorkerRecord } from '@gantry/api/moby/buildkit/v1/types/worker';
import type { CallContext, Logger } from '@gantry/rpc';
import type { Exporter } from '../exporters/exporter';
import type { FrontendResult } from '../frontend/frontend';
import type { OutcomeIds } from '../frontend/gateway/results';
import type { ContainerRpcs } from '../frontend/gateway/server';
import type { StepProgress } from '../progress/progress';
import type { SessionRegistry } from '../session/registry';
import type { Job, Jobs } from '../solver/jobs';
import type { GatewayForwarder } from './gateway-forwarder';

/** Where the cache of a build goes when it is done (`--cache-to`), for one kind of place. */
export interface CacheExporter {
  /** Checks the attributes (every unknown one is refused by name) before anything is built. */
  open(attributes: ReadonlyMap<string, string>): OpenCacheExporter;
}

export interface OpenCacheExporter {
  readonly name: string;
  /** Its cache goes into the image, which asks for it by `forImage`; `export` is not called. */
  readonly inline: boolean;
  /** The cache of one platform's tree as the image's config holds it; undefined where there is none. */
  forImage?(
    ctx: CallContext,
    input: { readonly result: FrontendResult; readonly platform: string; readonly job: Job },
  ): Promise<Buffer | undefined>;
  export(ctx: CallContext, input: CacheExportInput): Promise<ReadonlyMap<string, string>>;
}

export interface CacheExportInput {
  readonly result: FrontendResult;
  readonly job: Job;
  readonly progress: StepProgress;
}

/** Records of builds: those that run and those that are over. */
export interface History {
  /** A build begins; the returned function is called once, with its outcome. It never rejects. */
  begin(ctx: CallContext, job: Job, request: SolveRequest): (outcome: BuildOutcome) => Promise<void>;
  listen(ctx: CallContext, request: BuildHistoryRequest): AsyncIterable<BuildHistoryEvent>;
  update(ctx: CallContext, request: UpdateBuildHistoryRequest): Promise<void>;
}

export interface BuildOutcome {
  readonly result?: FrontendResult;
  readonly response?: ReadonlyMap<string, string>;
  readonly error?: Error;
}

/** What lies on disk and what is taken away. */
export interface Usage {
  diskUsage(ctx: CallContext, request: DiskUsageRequest): Promise<readonly UsageRecord[]>;
  prune(ctx: CallContext, request: PruneRequest): AsyncIterable<UsageRecord>;
}

/** Changes a result on its way to the exporters: provenance, a list of contents. Attributes are the frontend's (`attest:…`). */
export type Processor = (ctx: CallContext, result: FrontendResult, job: Job) => Promise<FrontendResult>;

/** What Control stands on. */
export interface ControlParts {
  readonly logger: Logger;
  readonly sessions: SessionRegistry;
  readonly jobs: Jobs;
  readonly forwarder: GatewayForwarder;
  readonly exporters: readonly Exporter[];
  readonly cacheExporters: ReadonlyMap<string, CacheExporter>;
  /** Of a build by the frontend's attributes; throws invalidArgument for those that make no sense. */
  readonly processors: (attributes: ReadonlyMap<string, string>) => readonly Processor[];
  readonly history: History;
  readonly usage: Usage;
  /** The workers as they were last looked at. */
  readonly workers: () => readonly WorkerRecord[];
  /** Looks at the devices that builds may be given. */
  readonly lookAtDevices: () => Promise<void>;
  /** Looks at all that may have changed about the workers, and tells them. */
  readonly lookAtWorkers: () => Promise<readonly WorkerRecord[]>;
  /** Containers of a frontend that is the build's client. */
  readonly containers: (job: Job, outcomes: OutcomeIds) => ContainerRpcs & { close(): Promise<void> };
  /** Entitlements that builds may have. */
  readonly entitlements: ReadonlySet<string>;
  readonly version: { readonly package: string; readonly version: string; readonly revision: string };
  /** Called when a build is over: caches may have grown. */
  readonly collectSoon: () => void;
}
