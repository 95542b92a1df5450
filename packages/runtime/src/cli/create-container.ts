import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { GantryError, invalidArgument, isGantryError } from '@gantry/rpc/errors';
import { parseJson, type Spec } from '@gantry/oci';
import { compileCreate } from '../compile/create';
import { seccompFlags } from '../seccomp/flags';
import type { Flags, Values } from './arguments';
import { integer } from './arguments';
import type { Context, Launcher } from './context';
import { placeInCgroups } from './place-in-cgroups';
import { findMapper } from './rootless';
import { forServiceManager } from './service-manager';
import { steps } from './steps';
import { forget, processStat, reserve, saveState, type StoredState } from './state';

/** Flags that create and run share. */
export const createFlags = {
  bundle: { kind: 'string', short: 'b', help: 'directory that holds config.json (default: the working directory)' },
  'console-socket': { kind: 'string', help: "unix socket that receives the terminal's master" },
  'pid-file': { kind: 'string', help: 'file for the process id' },
  'no-pivot': { kind: 'boolean', help: 'chroot instead of pivot_root, for a rootfs on a ramdisk' },
  'no-new-keyring': { kind: 'boolean', help: 'keep the session keyring' },
  'preserve-fds': { kind: 'string', help: 'so many descriptors from 3 on stay open' },
  'pidfd-socket': { kind: 'string', help: 'unix socket that receives a descriptor of the process' },
  'no-subreaper': { kind: 'boolean', help: 'ignored: the caller is the reaper' },
} as const satisfies Flags;

/** Reserves the id, makes the cgroups, launches; nothing is left when it fails. `stay`: the caller remains the parent (run). */
export async function createContainer(
  context: Context,
  launcher: Launcher,
  id: string,
  values: Values<typeof createFlags>,
  stay: 'no' | 'detach' | 'foreground',
): Promise<void> {
  const bundle = resolve(context.caller.cwd, values.bundle ?? '.');
  const spec = forServiceManager(readSpec(bundle), context);
  const preserveFds = (integer('preserve-fds', values['preserve-fds']) ?? 0) + context.listenFds;
  const terminal = spec.process?.terminal === true;
  if (terminal && stay !== 'foreground' && !values['console-socket'])
    throw invalidArgument('cannot allocate tty if runc will detach without setting console socket');
  if (!terminal && values['console-socket']) throw invalidArgument('cannot use console socket if runc will not detach or allocate tty');
  const { cgroup, resources } = await placeInCgroups(context, spec, id);
  const options = {
    id,
    bundle,
    cgroup,
    ...(context.rootless ? { mapper: findMapper() } : {}),
    noPivot: values['no-pivot'],
    noNewKeyring: values['no-new-keyring'],
    preserveFds,
  };
  const { plan, warnings } = compileCreate(spec, options);
  for (const warning of warnings) context.log.warn(warning);
  if (spec.linux?.seccomp) context.log.debug(`seccomp filter flags: ${seccompFlags(spec.linux.seccomp)}`);
  const directory = reserve(context.root, id);
  context.log.debug(steps.setup(id, `bundle ${bundle}, cgroup ${cgroup.path}, plan of ${plan.length} bytes`));
  let made = false;
  try {
    const draft: StoredState = {
      version: 1,
      id,
      bundle,
      rootfs: resolve(bundle, spec.root?.path ?? ''),
      created: new Date().toISOString(),
      cgroup,
      spec,
      pid: 0,
      startTime: '',
      noNewKeyring: values['no-new-keyring'],
    };
    saveState(context.root, draft);
    made = true;
    for (const warning of await context.cgroups.create(cgroup, resources)) context.log.warn(warning);
    const wish = {
      terminal,
      preserveFds,
      ...(stay === 'no' ? { listen: directory } : {}),
      ...(values['console-socket'] ? { consoleSocket: values['console-socket'] } : {}),
      ...(values['pidfd-socket'] ? { pidfdSocket: values['pidfd-socket'] } : {}),
      ...sizeOf(spec.process?.consoleSize),
    };
    const pid = await launcher.create(wish, plan);
    context.log.debug(steps.waits(id, pid));
    saveState(context.root, { ...draft, pid, startTime: processStat(pid)?.startTime ?? '' });
    if (values['pid-file']) writePidFile(context, values['pid-file'], pid);
  } catch (error) {
    if (made) {
      await context.cgroups.killAll(cgroup).catch(() => undefined); /* the first error is the one to tell */
      await context.cgroups.remove(cgroup).catch(() => undefined);
    }
    forget(context.root, id);
    throw unableToStart(error);
  }
}

/** The words that docker, containerd and podman look for. */
export function unableToStart(error: unknown): unknown {
  if (!isGantryError(error)) return error;
  return new GantryError(error.kind, `unable to start container process: ${error.message}`, { cause: error.cause });
}

export function readSpec(bundle: string): Spec {
  const path = join(bundle, 'config.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw invalidArgument(`JSON specification file ${path} not found`);
    throw error;
  }
  try {
    return parseJson(text) as Spec;
  } catch (error) {
    throw invalidArgument(`${path} is not JSON`, { cause: error });
  }
}

/** A terminal's first size, where one is asked for. */
export function sizeOf(size: { readonly height?: number; readonly width?: number } | undefined): { rows?: number; columns?: number } {
  return size?.height ? { rows: size.height, columns: size.width ?? 0 } : {};
}

export function writePidFile({ caller }: Pick<Context, 'caller'>, given: string, pid: number): void {
  const path = resolve(caller.cwd, given);
  writeFileSync(`${path}.new`, String(pid), { mode: 0o644 });
  renameSync(`${path}.new`, path);
}
