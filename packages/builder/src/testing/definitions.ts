import { type ExecOp, MountContentCache, MountType, NetMode, type Op, SecurityMode } from '@gantry/api/pb/ops';

type Mount = ExecOp['mounts'][number];
type Meta = NonNullable<ExecOp['meta']>;

/** A mount as the root of a RUN has it, with changes. */
export const mountOf = (change: Partial<Mount> = {}): Mount => ({
  input: 0n,
  selector: '',
  dest: '/',
  output: 0n,
  readonly: false,
  mountType: MountType.BIND,
  TmpfsOpt: undefined,
  cacheOpt: undefined,
  secretOpt: undefined,
  SSHOpt: undefined,
  resultID: '',
  contentCache: MountContentCache.DEFAULT,
  ...change,
});

/** What a RUN of `true` says of itself, with changes. */
export const metaOf = (change: Partial<Meta> = {}): Meta => ({
  args: ['true'],
  env: [],
  cwd: '/',
  user: '',
  proxyEnv: undefined,
  extraHosts: [],
  hostname: '',
  ulimit: [],
  cgroupParent: '',
  removeMountStubsRecursive: false,
  validExitCodes: [],
  ...change,
});

/** A mount that shows no tree of an input, and goes no further. */
export const special = (change: Partial<Mount>): Mount => mountOf({ input: -1n, output: -1n, ...change });

/** An exec op with `inputs` inputs. */
export function execDefinition(change: Partial<ExecOp> = {}, meta: Partial<Meta> = {}, inputs = 2): Op {
  return {
    inputs: Array.from({ length: inputs }, (_, index) => ({ digest: `sha256:${index}`, index: 0n })),
    exec: {
      meta: metaOf(meta),
      mounts: [mountOf()],
      network: NetMode.NONE,
      security: SecurityMode.SANDBOX,
      secretenv: [],
      cdiDevices: [],
      ...change,
    },
    source: undefined,
    file: undefined,
    build: undefined,
    merge: undefined,
    diff: undefined,
    passthrough: undefined,
    platform: undefined,
    constraints: undefined,
  };
}
