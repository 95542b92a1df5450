import { mkdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { failedPrecondition, invalidArgument, isErrorOf, notImplemented } from '@gantry/rpc/errors';
import type { Spec } from '@gantry/oci';
import { externalMounts } from '../../criu/external-mounts';
import { externalNamespaces, joinedNamespaces } from '../../criu/external-namespaces';
import { cgroupModes, type CriuOptions } from '../../criu/messages';
import { present, removeAllBut } from '../../criu/half-dump';
import { CriuSession, IMAGES_FD, MORE_FD, WORK_FD } from '../../criu/session';
import { untilSignal } from '../../criu/until-signal';
import { directoryOf } from '../../cgroup/stats';
import { integer, parseFlags, positional, type Flags, type Values } from '../arguments';
import type { Context, Verb } from '../context';
import { deleteContainer } from '../delete-container';
import { loadState, stateDirectory, statusOf, type StoredState } from '../state';

/** Flags that checkpoint and restore share. */
export const criuFlags = {
  'image-path': { kind: 'string', help: 'directory of the images (default: ./checkpoint)' },
  'work-path': { kind: 'string', help: "directory of criu's logs (default: with the container's state)" },
  'tcp-established': { kind: 'boolean', help: 'keep open TCP connections' },
  'ext-unix-sk': { kind: 'boolean', help: 'allow unix sockets that lead outside' },
  'shell-job': { kind: 'boolean', help: 'allow a terminal of the caller' },
  'file-locks': { kind: 'boolean', help: 'keep file locks' },
  'auto-dedup': { kind: 'boolean', help: 'leave out of older images what newer ones have' },
  'link-remap': { kind: 'boolean', help: 'keep files that were deleted while open' },
  'manage-cgroups-mode': { kind: 'string', help: 'soft (default), full, strict or ignore' },
  'empty-ns': { kind: 'string', help: 'network: leave its content to others' },
  'lazy-pages': { kind: 'boolean', help: 'memory is fetched when it is used, through `criu lazy-pages`' },
} as const satisfies Flags;

const flags = {
  ...criuFlags,
  'parent-path': { kind: 'string', help: 'images of an earlier --pre-dump, relative to the image directory' },
  'leave-running': { kind: 'boolean', help: 'let the container go on' },
  'pre-dump': { kind: 'boolean', help: 'memory only, and let the container go on' },
  'tcp-skip-in-flight': { kind: 'boolean', help: 'pass over connections that are being made' },
  'page-server': { kind: 'string', help: 'ADDRESS:PORT: where memory goes, or with --lazy-pages where it is served' },
  'status-fd': { kind: 'string', help: 'descriptor that gets a zero byte once criu serves pages' },
} as const satisfies Flags;

export const checkpoint: Verb = {
  usage: 'checkpoint [flags] ID',
  help: "write a container's processes to files, through criu",
  async run(context, words) {
    const { values, rest } = parseFlags(words, flags, { interleaved: true });
    const [id] = positional(rest, ['ID']);
    const state = loadState(context.root, id as string);
    checkCriu(context, state.spec);
    const statusFd = integer('status-fd', values['status-fd']);
    if (values['lazy-pages'] && values['page-server'] === undefined)
      throw invalidArgument('flag --lazy-pages: pages are served at --page-server, which is missing');
    const status = await statusOf(context.root, state, context.cgroups);
    if (status !== 'running' && status !== 'paused') throw failedPrecondition(`cannot checkpoint a container in the ${status} state`);
    const images = makeDirectory(values['image-path'] ?? 'checkpoint');
    checkParent(images, values['parent-path']);
    const work = makeDirectory(values['work-path'] ?? join(stateDirectory(context.root, state.id), 'criu'));
    const before = present(images);
    if (!values['pre-dump']) writeFileSync(join(images, 'descriptors.json'), JSON.stringify(streams(state.pid)), { mode: 0o600 });
    const session = new CriuSession({
      native: context.native,
      program: context.criu,
      images,
      work,
      logFile: 'dump.log',
      ...(statusFd === undefined ? {} : { more: [statusFd] }),
    });
    try {
      await untilSignal(session, async () => {
        await session.pid();
        await session.request(values['pre-dump'] ? 'preDump' : 'dump', dumpOptions(state, values), () => undefined);
      });
    } catch (error) {
      if (isErrorOf(error, 'cancelled')) {
        removeAllBut(images, before);
        if (status === 'running' && directoryOf(state.cgroup, 'freezer') !== undefined) await context.cgroups.thaw(state.cgroup);
      }
      throw error;
    } finally {
      await session.leave();
    }
    if (!values['leave-running'] && !values['pre-dump']) await deleteContainer(context, state.id);
    return 0;
  },
};

function dumpOptions(state: StoredState, values: Values<typeof flags>): CriuOptions {
  const freezer = directoryOf(state.cgroup, 'freezer');
  return {
    imagesDirFd: IMAGES_FD,
    workDirFd: WORK_FD,
    logLevel: 4,
    logFile: 'dump.log',
    root: state.rootfs,
    pid: state.pid,
    ...common(values),
    tcpSkipInFlight: values['tcp-skip-in-flight'],
    leaveRunning: values['leave-running'],
    orphanPtsMaster: true,
    ...(values['parent-path'] ? { parentImg: values['parent-path'] } : {}),
    ...(values['pre-dump'] || values['parent-path'] ? { trackMem: true } : {}),
    ...pageServer(values['page-server']),
    ...(values['status-fd'] === undefined ? {} : { statusFd: MORE_FD }),
    external: externalNamespaces(state.spec, state.pid),
    ...(freezer === undefined ? {} : { freezeCgroup: freezer }),
    extMnt: externalMounts(state.spec, state.bundle, `/proc/${state.pid}/root`, state.cgroup).map(
      ({ target }) => [target, target] as const,
    ),
  };
}

function pageServer(text: string | undefined): CriuOptions {
  if (text === undefined) return {};
  const match = /^(.+):(\d+)$/.exec(text);
  if (!match || Number(match[2]) > 65535) throw invalidArgument(`flag --page-server: "${text}" is not ADDRESS:PORT`);
  return { ps: [[match[1] as string, Number(match[2])]] };
}

/** What is asked of criu in both directions. */
export function common(values: Values<typeof criuFlags>): CriuOptions {
  const mode = values['manage-cgroups-mode'] ?? 'soft';
  if (!Object.hasOwn(cgroupModes, mode)) throw invalidArgument(`flag --manage-cgroups-mode: "${mode}" is not soft, full, strict or ignore`);
  if (values['empty-ns'] !== undefined && values['empty-ns'] !== 'network')
    throw invalidArgument(`flag --empty-ns: "${values['empty-ns']}" is not network`);
  return {
    notifyScripts: true,
    evasiveDevices: true,
    tcpEstablished: values['tcp-established'],
    extUnixSk: values['ext-unix-sk'],
    shellJob: values['shell-job'],
    fileLocks: values['file-locks'],
    autoDedup: values['auto-dedup'],
    linkRemap: values['link-remap'],
    lazyPages: values['lazy-pages'],
    manageCgroups: true,
    manageCgroupsMode: cgroupModes[mode as keyof typeof cgroupModes],
    ...(values['empty-ns'] ? { emptyNs: 0x40000000 } : {}),
  };
}

/** Refuses what cannot be done, before anything is touched. */
export function checkCriu(context: Context, spec: Spec): void {
  if (context.rootless) throw notImplemented("checkpoint and restore need root's rights");
  joinedNamespaces(spec);
}

export function makeDirectory(path: string): string {
  const full = resolve(path);
  mkdirSync(full, { recursive: true, mode: 0o700 });
  return full;
}

function checkParent(images: string, parent: string | undefined): void {
  if (parent === undefined) return;
  if (isAbsolute(parent)) throw invalidArgument(`flag --parent-path: "${parent}" must be relative to the image directory`);
  if (!statSync(join(images, parent), { throwIfNoEntry: false })?.isDirectory())
    throw invalidArgument(`flag --parent-path: "${parent}" is not a directory`);
}

/** What 0, 1 and 2 are: pipes of the caller are found again by these names. */
function streams(pid: number): string[] {
  return [0, 1, 2].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
}
