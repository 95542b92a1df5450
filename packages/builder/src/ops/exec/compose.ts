import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Op as Definition } from '@gantry/api/pb/ops';
import { type CallContext, type Logger, shortSocketPath } from '@gantry/rpc';
import type { BuilderConfig } from '../../config';
import { makeExecutor } from '../../executor/make-executor';
import type { ContainersNeeds } from '../../frontend/gateway/containers/container-rpcs';
import { unmountBelow } from '../../mounts/mount';
import type { Refs } from '../../refs/ref';
import type { OpMaker } from '../../solver/op';
import { withoutNetworkService } from '../../worker/host-gateway';
import type { Services } from '../../worker/services';
import { makeExecOp } from './make-exec-op';
import type { MountNeeds } from './mounts';
import type { KnownWishes } from './step-wishes';
import { CacheMounts } from './special/cache-mounts';
import { HiddenFiles } from './special/hidden-files';
import { makeSpecial } from './special/make-special';

/** What records of ended steps may take to go when the service stops; its next start finds what is left. */
const STOP_MS = 5_000;

export interface ExecRoom {
  readonly op: OpMaker<Definition>;
  /** What containers of frontends stand on. */
  readonly gateway: ContainersNeeds;
  /** Takes away what a former life of this service left; before the first step. */
  start(ctx: CallContext): Promise<void>;
  stop(): Promise<void>;
}

export interface ExecRoomParts {
  readonly services: Pick<Services, 'containers' | 'tasks' | 'network' | 'inSteps' | 'inStore'>;
  readonly wishes: KnownWishes;
  readonly refs: Pick<Refs, 'prepare' | 'view' | 'checksum' | 'cacheTree'>;
  readonly config: BuilderConfig;
  readonly run: string;
  readonly logger: Logger;
}

/** Constructs what runs steps. */
export function composeExec({ services, refs, config, run, logger, wishes }: ExecRoomParts): ExecRoom {
  const directory = join(run, 'build');
  const executor = makeExecutor({
    ...services,
    network: withoutNetworkService(config) ? undefined : services.network,
    logger,
    settings: {
      directory: join(directory, 'steps'),
      runtime: config.runtime || 'io.containerd.runc.v2',
      cgroupParent: config['cgroup-parent'] || '/gantry',
      cgroupNamespace: config['default-cgroupns-mode'],
      oomScoreAdj: 0,
      defaultBridge: config['default-bridge'],
      withoutNetworkService: config['network-without-service'],
      dns: { file: config['resolv-conf'], servers: config.dns, search: config['dns-search'], options: config['dns-opts'] },
      cdiDirectories: config['cdi-spec-dirs'],
    },
  });
  const hidden = new HiddenFiles(join(directory, 'hidden'));
  const caches = new CacheMounts({ refs, directory: join(directory, 'caches'), logger });
  const gateway = join(directory, 'gateway');
  const socketPath = (): string => shortSocketPath(run, `build-ssh/${randomBytes(8).toString('hex')}`);
  const mounts: MountNeeds = { refs, special: makeSpecial({ caches, hidden, socketPath }) };
  return {
    op: makeExecOp({ ...mounts, refs, executor, wishes }),
    gateway: { executor, mounts, directory: gateway },
    async start(ctx) {
      await executor.sweep(ctx);
      await Promise.all([caches.clear(), hidden.clear(), unmountBelow(gateway)]);
      await rm(gateway, { recursive: true, force: true });
    },
    async stop() {
      await executor.settled(STOP_MS);
      await hidden.clear();
    },
  };
}
