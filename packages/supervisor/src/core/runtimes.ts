import { accessSync, constants, existsSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { CreateOptions } from '@gantry/api/gantry/shim/v1/shim';
import type { Any } from '@gantry/api/google/protobuf/any';
import { invalidArgument } from '@gantry/rpc';
import { programDirectories } from '@gantry/service';

/** One runtime that a container may name (`docker run --runtime`). */
export interface Runtime {
  /** Driver of the shim: "native", "oci" for any runc-like binary, "containerd-shim" for any shim v2 binary, "task-service" for a Task v3 server. */
  readonly driver: string;
  /** Binary of the drivers oci and containerd-shim: a name looked up in PATH at use, or an absolute path; empty for others. */
  readonly path: string;
  /** Arguments before the verb. */
  readonly args: readonly string[];
  /** What the other program's Create gets as its options. */
  readonly options?: Any;
  /** Unix socket of a Task v3 server that listens already. */
  readonly taskService?: string;
  /** Command that serves Task v3 at the socket that it is told. */
  readonly taskCommand?: readonly string[];
}

/** What the supervisor has to know of the shim's drivers; of another name it knows nothing, and the shim refuses it. */
interface DriverTraits {
  /** Tasks are the shim's own, and not inside another program. */
  readonly here: boolean;
  /** It is nothing without the path of a program. */
  readonly program: boolean;
  /** How it is asked what it can do: a shim by `-info`, a runc-like binary by `features`, our own likewise; Task v3 has no question for it. */
  readonly asked: 'info' | 'features' | 'own features' | 'nothing';
}

const drivers: Readonly<Record<string, DriverTraits>> = {
  native: { here: true, program: false, asked: 'own features' },
  oci: { here: true, program: true, asked: 'features' },
  'containerd-shim': { here: false, program: true, asked: 'info' },
  'task-service': { here: false, program: false, asked: 'nothing' },
};

export const traitsOf = (driver: string): DriverTraits => drivers[driver] ?? { here: false, program: false, asked: 'nothing' };

/** What the runtime of containers that name none is called: docker's name, which clients compare. */
export const DEFAULT_RUNTIME = 'runc';

/** Runtimes that need no configuration. The host's own runc is another name's. */
export const BUILT_IN_RUNTIMES: Readonly<Record<string, Runtime>> = {
  [DEFAULT_RUNTIME]: { driver: 'native', path: '', args: [] },
  gantry: { driver: 'native', path: '', args: [] },
  'runc-binary': { driver: 'oci', path: 'runc', args: [] },
  crun: { driver: 'oci', path: 'crun', args: [] },
};

/**
 * The shim for a runtime that is named as containerd does: `io.containerd.runc.v2` is the binary `containerd-shim-runc-v2`, an absolute
 * path is the shim itself. Undefined for a name of another form.
 */
export function runtimeOfType(type: string): Runtime | undefined {
  if (isAbsolute(type)) return { driver: 'containerd-shim', path: type, args: [] };
  const [, name, version] = /^(?:[a-z0-9-]+\.)+([a-z0-9-]+)\.(v\d+)$/i.exec(type) ?? [];
  return name === undefined ? undefined : { driver: 'containerd-shim', path: `containerd-shim-${name}-${version}`, args: [] };
}

/** The configured runtimes, and what the shim must be told to use one. */
export class RuntimeTable {
  constructor(
    public entries: Readonly<Record<string, Runtime>>,
    public defaultName: string,
  ) {
    if (!Object.hasOwn(entries, defaultName) && runtimeOfType(defaultName) === undefined)
      throw invalidArgument(`default-runtime "${defaultName}" is not among the runtimes: ${Object.keys(entries).join(', ')}`);
  }

  /** Takes over what another table holds: a new configuration. */
  become({ entries, defaultName }: RuntimeTable): void {
    this.entries = entries;
    this.defaultName = defaultName;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.entries, name);
  }

  /** By configured name; empty: the default; or a shim by containerd's name of it, as dockerd takes it. Throws dockerd's error for an unknown name. */
  get(name: string): Runtime {
    const wanted = name || this.defaultName;
    const found = this.has(wanted) ? this.entries[wanted] : runtimeOfType(wanted);
    if (found === undefined) throw invalidArgument(`unknown or invalid runtime name: ${name}`);
    return found;
  }

  /** CreateOptions of the shim for a runtime by name; the caller adds logs and stdin. */
  createOptions(name: string): CreateOptions {
    return optionsOf(this.get(name));
  }

  /** CreateOptions for a binary that a containerd client names (BinaryName of runc's Options): a configured name of one, a name in PATH or a path. */
  optionsForBinary(binary: string): CreateOptions {
    // docker's name for ours is as a binary the host's
    const ours = binary === DEFAULT_RUNTIME && traitsOf(this.entries[binary]?.driver ?? '').asked === 'own features';
    if (this.has(binary) && !ours) return this.createOptions(binary);
    const configured = Object.values(this.entries).find((entry) => entry.path === binary);
    return optionsOf(configured ?? { driver: 'oci', path: binary, args: [] });
  }
}

function optionsOf(runtime: Runtime): CreateOptions {
  return CreateOptions.fromPartial({
    driver: runtime.driver,
    binary: runtime.path === '' ? '' : findBinary(runtime.path),
    binaryArgs: [...runtime.args],
    ...(runtime.options === undefined ? {} : { runtimeOptions: runtime.options }),
    taskService: runtime.taskService ?? '',
    taskServiceCommand: [...(runtime.taskCommand ?? [])],
  });
}

/** An executable's absolute path. Throws invalidArgument in the words that docker's clients look for when there is none. */
export function findBinary(name: string): string {
  const candidates = isAbsolute(name) ? [name] : name.includes('/') ? [] : programDirectories().map((directory) => join(directory, name));
  const found = candidates.find(isExecutable);
  if (found === undefined) throw invalidArgument(`OCI runtime create failed: unable to retrieve OCI runtime error: ${whyNot(name)}`);
  return found;
}

function whyNot(name: string): string {
  if (!isAbsolute(name)) return `exec: "${name}": executable file not found in $PATH`;
  return `fork/exec ${name}: ${existsSync(name) ? 'permission denied' : 'no such file or directory'}`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false; // absent, or not ours to run: the next candidate is asked
  }
}
