import { readFileSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { invalidArgument, notFound, notImplemented } from '@gantry/rpc';

/** What the child needs to run one module. */
export interface Program {
  /** The module's file on the host. */
  readonly module: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Directories of the host by their names inside. */
  readonly preopens: Readonly<Record<string, string>>;
  /** Directories of the host that the child sees read-only, and where. */
  readonly readOnly: readonly { readonly source: string; readonly at: string }[];
  readonly uid: number;
  readonly gid: number;
  /** The network namespace that the child is in: its own, which whoever made the task may wire up, the host's or one that is there already. */
  readonly network: 'own' | 'host' | { readonly path: string };
}

interface Config {
  readonly process?: {
    readonly args?: readonly string[];
    readonly env?: readonly string[];
    readonly cwd?: string;
    readonly terminal?: boolean;
    readonly user?: { readonly uid?: number; readonly gid?: number };
  };
  readonly root?: { readonly path?: string; readonly readonly?: boolean };
  readonly mounts?: readonly {
    readonly destination: string;
    readonly type?: string;
    readonly source?: string;
    readonly options?: readonly string[];
  }[];
  readonly hooks?: unknown;
  readonly linux?: {
    readonly namespaces?: readonly { readonly type: string; readonly path?: string }[];
    readonly resources?: {
      readonly memory?: { readonly limit?: number };
      readonly cpu?: Readonly<Record<string, unknown>>;
      readonly pids?: { readonly limit?: number };
    };
  };
}

/** Files that engines and kubelets mount for a resolver, a shell and a last word: a module sees directories only, and has no use for them. */
const FOR_OTHERS = new Set(['/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/dev/termination-log']);

/**
 * Reads a bundle's config.json. The sandbox of WASI takes the place of namespaces, capabilities and seccomp; what would change how the module
 * runs and cannot be kept here is refused by name.
 */
export function readProgram(bundle: string, id: string): Program {
  const config = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as Config;
  const { args = [], env = [], cwd = '/', terminal = false, user = {} } = config.process ?? {};
  if (terminal) throw notImplemented(`wasi runtime: a terminal for ${id} is not supported`);
  if (cwd !== '/') throw notImplemented(`wasi runtime: working directory ${cwd} of ${id} is not supported, only /`);
  refuseLimits(config, id);
  const path = config.root?.path ?? 'rootfs';
  const rootfs = realpathSync(isAbsolute(path) ? path : join(bundle, path));
  return {
    module: moduleIn(rootfs, args[0] ?? ''),
    args,
    env: Object.fromEntries(env.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)])),
    ...volumes(config, bundle, rootfs, id),
    uid: user.uid ?? 0,
    gid: user.gid ?? 0,
    network: networkOf(config),
  };
}

function refuseLimits({ linux, root, hooks }: Config, id: string): void {
  const asked = {
    'a memory limit': (linux?.resources?.memory?.limit ?? 0) > 0,
    'a limit of processes': (linux?.resources?.pids?.limit ?? 0) > 0,
    'cpu limits': limitsCpu(linux?.resources?.cpu ?? {}),
    'a read-only root': root?.readonly === true,
    hooks: Object.values(hooks ?? {}).some((list) => Array.isArray(list) && list.length > 0),
  };
  for (const [what, set] of Object.entries(asked)) if (set) throw notImplemented(`wasi runtime: ${what} of ${id}: not supported`);
}

/** Two shares of a processor, the kernel's least, and a period without a quota are no limits: kubelets say so for pods that ask for nothing. */
function limitsCpu(cpu: Readonly<Record<string, unknown>>): boolean {
  const least = (name: string, value: unknown): boolean =>
    (name === 'shares' && value === 2) || (name === 'period' && !isSet(cpu['quota']));
  return Object.entries(cpu).some(([name, value]) => isSet(value) && !least(name, value));
}

const isSet = (value: unknown): boolean => value !== 0 && value !== '' && value !== undefined;

function moduleIn(rootfs: string, name: string): string {
  const inside = join('/', name);
  let real: string;
  try {
    real = realpathSync(join(rootfs, inside));
  } catch (error) {
    throw notFound(`exec: "${name}": executable file not found: no such file or directory`, { cause: error });
  }
  if (!real.startsWith(`${rootfs}/`)) throw invalidArgument(`exec: "${name}" leads outside the root`);
  return real;
}

function volumes({ mounts = [] }: Config, bundle: string, rootfs: string, id: string): Pick<Program, 'preopens' | 'readOnly'> {
  const preopens: Record<string, string> = { '/': rootfs };
  const readOnly: { source: string; at: string }[] = [];
  for (const { destination, type, source = '', options = [] } of mounts) {
    if (type !== 'bind' && !options.includes('bind') && !options.includes('rbind')) continue; // /proc, /dev and the like: no module sees them
    if (!statSync(source).isDirectory()) {
      if (FOR_OTHERS.has(destination)) continue;
      throw notImplemented(`wasi runtime: mount ${destination} of ${id} is a file; only directories can be opened`);
    }
    if (options.includes('rro')) throw notImplemented(`wasi runtime: recursive read-only mount ${destination} of ${id} is not supported`);
    if (!options.includes('ro')) {
      preopens[destination] = source;
      continue;
    }
    const at = join(bundle, 'read-only', String(readOnly.length));
    readOnly.push({ source, at });
    preopens[destination] = at;
  }
  return { preopens, readOnly };
}

function networkOf({ linux }: Config): Program['network'] {
  const network = linux?.namespaces?.find(({ type }) => type === 'network');
  if (network === undefined) return 'host';
  return network.path === undefined || network.path === '' ? 'own' : { path: network.path };
}
