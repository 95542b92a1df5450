import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { failedPrecondition, invalidArgument } from '@gantry/rpc/errors';
import type { Spec } from '@gantry/oci';
import type { CgroupPlan } from '../../cgroup/contract';
import { externalMounts, resolveInside, type ExternalMount } from '../../criu/external-mounts';
import type { CriuOptions } from '../../criu/messages';
import { enteredNamespaces, withNamespaces } from '../../criu/external-namespaces';
import { CriuSession, IMAGES_FD, MORE_FD, WORK_FD } from '../../criu/session';
import { untilSignal } from '../../criu/until-signal';
import { parseFlags, positional, type Flags, type Values } from '../arguments';
import type { Context, Verb } from '../context';
import { readSpec, writePidFile } from '../create-container';
import { deleteContainer } from '../delete-container';
import { placeInCgroups } from '../place-in-cgroups';
import { forget, processStat, reserve, saveState, type StoredState } from '../state';
import { checkCriu, common, criuFlags, makeDirectory } from './checkpoint';

const flags = {
  ...criuFlags,
  bundle: { kind: 'string', short: 'b', help: 'directory that holds config.json (default: the working directory)' },
  'console-socket': { kind: 'string', help: "unix socket that receives the terminal's master" },
  'pid-file': { kind: 'string', help: 'file for the process id' },
  detach: { kind: 'boolean', short: 'd', help: 'leave once it runs' },
  'no-subreaper': { kind: 'boolean', help: 'ignored: the caller is the reaper' },
  'no-pivot': { kind: 'boolean', help: 'accepted: criu makes the root' },
} as const satisfies Flags;

export const restore: Verb = {
  usage: 'restore [flags] ID',
  help: 'make a container from the files of a checkpoint, through criu',
  async run(context, words) {
    const { values, rest } = parseFlags(words, flags, { interleaved: true });
    const [id] = positional(rest, ['ID']);
    const bundle = resolve(values.bundle ?? '.');
    const spec = readSpec(bundle);
    checkCriu(context, spec);
    const images = resolve(values['image-path'] ?? 'checkpoint');
    if (!statSync(images, { throwIfNoEntry: false })?.isDirectory())
      throw invalidArgument(`flag --image-path: "${images}" is not a directory`);
    const { cgroup, resources } = await placeInCgroups(context, spec, id as string);
    const directory = reserve(context.root, id as string);
    const rootfs = resolve(bundle, spec.root?.path ?? '');
    const draft: StoredState = {
      version: 1,
      id: id as string,
      bundle,
      rootfs,
      created: new Date().toISOString(),
      cgroup,
      spec,
      pid: 0,
      startTime: '',
      noNewKeyring: false,
    };
    saveState(context.root, draft);
    const work = makeDirectory(values['work-path'] ?? join(directory, 'criu'));
    return withNamespaces(spec, async (keys, more) => {
      let session: CriuSession | undefined;
      try {
        for (const warning of await context.cgroups.create(cgroup, resources)) context.log.warn(warning);
        session = new CriuSession({
          native: context.native,
          program: context.criu,
          images,
          work,
          logFile: 'restore.log',
          more,
          ...(values['console-socket'] ? { consoleSocket: values['console-socket'] } : {}),
        });
        const criu = session;
        const pid = await untilSignal(criu, () => restoreInto(context, criu, draft, images, values, keys));
        const state = { ...draft, pid, startTime: processStat(pid)?.startTime ?? '' };
        saveState(context.root, state);
        if (values['pid-file']) writePidFile(context, values['pid-file'], pid);
        if (values.detach) {
          await session.leave();
          return 0;
        }
        const code = await session.waitFor(pid);
        await deleteContainer(context, state.id);
        return code;
      } catch (error) {
        await session?.leave();
        await context.cgroups.killAll(cgroup).catch(() => undefined); /* the first error is the one to tell */
        await context.cgroups.remove(cgroup).catch(() => undefined);
        forget(context.root, draft.id);
        throw error;
      }
    });
  },
};

/** criu wants a root that is a mount point: a bind of the rootfs, for as long as it works. */
async function restoreInto(
  context: Context,
  session: CriuSession,
  { spec, bundle, rootfs, cgroup, id }: StoredState,
  images: string,
  values: Values<typeof flags>,
  keys: readonly string[],
): Promise<number> {
  const mounts = externalMounts(spec, bundle, rootfs, cgroup);
  makeTargets(rootfs, spec, mounts);
  const root = mkdtempSync(join(context.root, id, 'root-'));
  execFileSync('mount', ['--rbind', '--make-private', rootfs, root]);
  try {
    const criu = await session.pid();
    enter(cgroup, criu);
    let first = 0;
    const answer = await session.request(
      'restore',
      { ...restoreOptions(root, mounts, criu, images, values, keys), joinNs: enteredNamespaces(spec) },
      (script, pid) => {
        if (script === 'setup-namespaces' || script === 'post-restore') first ||= pid;
      },
    );
    if (!answer.pid && !first) throw failedPrecondition('criu told no process');
    return answer.pid || first;
  } finally {
    execFileSync('umount', ['-l', root]);
    rmSync(root, { recursive: true, force: true });
  }
}

function restoreOptions(
  root: string,
  mounts: readonly ExternalMount[],
  criu: number,
  images: string,
  values: Values<typeof flags>,
  keys: readonly string[],
): CriuOptions {
  const roots = readFileSync(`/proc/${criu}/cgroup`, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(':'));
  return {
    imagesDirFd: IMAGES_FD,
    workDirFd: WORK_FD,
    logLevel: 4,
    logFile: 'restore.log',
    root,
    rstSibling: true,
    orphanPtsMaster: true,
    ...common(values),
    cgRoot: roots.map(([, controllers = '', ...path]) => [controllers, path.join(':')] as const),
    extMnt: mounts.map(({ target, source }) => [target, source] as const),
    inheritFd: [
      ...inherited(images)
        .map((name, fd) => [name, fd] as const)
        .filter(([name]) => name.startsWith('pipe:')),
      ...keys.map((key, i) => [key, MORE_FD + i] as const),
    ],
  };
}

function inherited(images: string): string[] {
  try {
    return JSON.parse(readFileSync(join(images, 'descriptors.json'), 'utf8')) as string[];
  } catch {
    return []; /* images of another runtime */
  }
}

/** What criu restores begins in the cgroups that it is in. */
function enter(cgroup: CgroupPlan, pid: number): void {
  for (const { directory } of cgroup.directories) writeFileSync(join(directory, 'cgroup.procs'), String(pid));
}

function makeTargets(rootfs: string, spec: Spec, mounts: readonly ExternalMount[]): void {
  for (const [i, { target, source }] of mounts.entries()) {
    const below = mounts.slice(0, i).findLast((other) => target.startsWith(`${other.target}/`));
    const base = below?.source ?? rootfs;
    const path = join(base, resolveInside(base, below ? target.slice(below.target.length) : target));
    if (source === '/dev/null' || statSync(path, { throwIfNoEntry: false }) || /^\/(proc|sys|dev)\//.test(target)) continue;
    const directory = statSync(source).isDirectory();
    mkdirSync(directory ? path : join(path, '..'), { recursive: true });
    if (!directory) writeFileSync(path, '');
  }
  for (const { destination, type } of spec.mounts ?? []) {
    if (type && type !== 'bind' && type !== 'none' && !/^\/(proc|sys|dev)\//.test(destination))
      mkdirSync(join(rootfs, resolveInside(rootfs, destination)), { recursive: true });
  }
}
