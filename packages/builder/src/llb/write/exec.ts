import { type CDIDevice, type HostIP, NetMode, type ProxyEnv, SecurityMode, type Ulimit } from '@gantry/api/pb/ops';
import { execCaps } from './exec-caps';
import { encodeMount, encodeSecret, encodeSsh } from './exec-mounts';
import type { About, Output, Tree } from './graph';

/** A tree mounted into a step. Its changes are an output of the step, unless it is read-only, a cache, or thrown away. */
export interface TreeMount {
  readonly kind: 'bind' | 'cache' | 'tmpfs';
  readonly target: string;
  readonly tree: Tree;
  /** Path in the tree; the whole tree where it is left out. */
  readonly selector?: string;
  readonly readonly?: boolean;
  /** Writable, and what is written is thrown away. */
  readonly discard?: boolean;
  readonly cache?: { readonly id: string; readonly sharing: 'shared' | 'private' | 'locked' };
  /** Bytes of a tmpfs; 0: as the kernel has it. */
  readonly size?: bigint;
}

export interface Secret {
  readonly id: string;
  /** A file, a variable, or both. */
  readonly target?: string;
  readonly env?: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly optional: boolean;
}

export interface SshSocket {
  readonly id: string;
  /** Chosen where it is left out. */
  readonly target?: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly optional: boolean;
}

export interface ExecSpec {
  readonly root: Tree;
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly cwd: string;
  readonly user: string;
  readonly hostname: string;
  readonly network: NetMode;
  readonly security: SecurityMode;
  readonly cgroupParent: string;
  readonly extraHosts: readonly HostIP[];
  readonly ulimits: readonly Ulimit[];
  readonly proxy: ProxyEnv | undefined;
  readonly mounts: readonly TreeMount[];
  readonly secrets: readonly Secret[];
  readonly ssh: readonly SshSocket[];
  readonly devices: readonly CDIDevice[];
}

/** A step with nothing but what every step has. */
export const plainExec: Omit<ExecSpec, 'root' | 'args'> = {
  env: new Map(),
  cwd: '/',
  user: '',
  hostname: '',
  network: NetMode.UNSET,
  security: SecurityMode.SANDBOX,
  cgroupParent: '',
  extraHosts: [],
  ulimits: [],
  proxy: undefined,
  mounts: [],
  secrets: [],
  ssh: [],
  devices: [],
};

export interface Executed {
  /** The root after the step. */
  readonly root: Output;
  /** The tree mounted at a target after the step. */
  at(target: string): Tree;
}

/** Runs a command in a tree. */
export function exec(spec: ExecSpec, about: About): Executed {
  const root: TreeMount = { kind: 'bind', target: '/', tree: spec.root };
  const mounts = [root, ...spec.mounts].toSorted((a, b) => (a.target < b.target ? -1 : a.target > b.target ? 1 : 0));
  const outputs = mounts.filter(hasOutput);
  const ssh = spec.ssh.map((socket, at) => ({ ...socket, target: socket.target ?? `/run/buildkit/ssh_agent.${at}` }));
  const env = new Map(spec.env);
  if (ssh[0] !== undefined && !env.has('SSH_AUTH_SOCK')) env.set('SSH_AUTH_SOCK', ssh[0].target);
  const vertex = {
    inputs: mounts.map(({ tree }) => tree),
    op: (index: (tree: Tree) => bigint) => ({
      exec: {
        meta: {
          args: [...spec.args],
          env: [...env].map(([name, value]) => `${name}=${value}`),
          cwd: spec.cwd,
          user: spec.user,
          hostname: spec.hostname,
          cgroupParent: spec.cgroupParent,
          removeMountStubsRecursive: true,
          validExitCodes: [],
          extraHosts: [...spec.extraHosts],
          ulimit: [...spec.ulimits],
          proxyEnv: spec.proxy,
        },
        mounts: [
          ...mounts.map((mount) => encodeMount(mount, index(mount.tree), BigInt(outputs.indexOf(mount)))),
          ...spec.secrets.flatMap(encodeSecret),
          ...ssh.map(encodeSsh),
        ],
        network: spec.network,
        security: spec.security,
        secretenv: spec.secrets.flatMap(({ id, env: name, optional }) => (name === undefined ? [] : [{ ID: id, name, optional }])),
        cdiDevices: [...spec.devices],
      },
    }),
    about: { ...about, caps: [...(about.caps ?? []), ...execCaps(spec)] },
  };
  return {
    root: { vertex, index: outputs.indexOf(root) },
    at(target) {
      const found = mounts.findLast((mount) => mount.target === target);
      return found === undefined || !hasOutput(found) ? found?.tree : { vertex, index: outputs.indexOf(found) };
    },
  };
}

function hasOutput({ kind, readonly = false, discard = false }: TreeMount): boolean {
  return kind === 'bind' && !readonly && !discard;
}
