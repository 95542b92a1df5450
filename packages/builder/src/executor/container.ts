import { FLUSH_LABEL, FLUSH_LATER, OCI_SPEC_TYPE_URL, packJson } from '@gantry/api';
import { AT, S, syscalls } from '@gantry/linux';
import type { Mount, Spec } from '@gantry/oci';
import { defaultProfile } from '@gantry/oci/apparmor';
import { type CallContext, errorText, failedPrecondition, isErrorOf, prefixed } from '@gantry/rpc';
import { findDevices, type KnownDevice, readDevices, type ResolvedUser, withDevices } from '@gantry/spec';
import type { ContainerWish, ProcessWish } from './executor';
import { hostsText, SANDBOX_HOSTNAME } from './hosts';
import type { ExecutorNeeds } from './needs';
import type { NetworkPlace } from './network';
import { makeFile } from './own-files';
import type { Place } from './place';
import { resolvConfText } from './resolv-conf';
import { sourcesOf } from './sources';
import { stepSpec } from './spec';
import { makeStubs, type MountPoint, type Stub } from './stubs';
import { Tree } from './tree';
import { userOf } from './user';
import { insist, insistOnMaking } from '../worker/insist';

/** Label of our containers: whose they are, among those of other builders on the same containerd. */
export const PLACE_LABEL = 'gantry.build.place';

/** A container whose place is made and whose record is not yet. */
export interface Prepared {
  readonly id: string;
  readonly spec: Spec;
  readonly user: ResolvedUser;
  readonly stubs: readonly Stub[];
}

export interface PrepareWish {
  readonly id: string;
  readonly wish: ContainerWish;
  readonly process: ProcessWish;
  /** Text of /etc/resolv.conf. */
  readonly resolvers: Promise<string>;
  readonly network: NetworkPlace;
}

/** The text of a container's /etc/resolv.conf, asked for before it is needed: whoever does not wait for it in the end misses nothing. */
export function resolversOf({ settings }: Pick<ExecutorNeeds, 'settings'>, network: NetworkPlace): Promise<string> {
  const text = resolvConfText(settings.dns, network);
  text.catch(() => undefined);
  return text;
}

/** Looks at the tree, makes the working directory, finds the sources of the mounts and writes the files of the engine. */
export async function prepare(
  needs: Pick<ExecutorNeeds, 'settings' | 'logger'> & { readonly cgroupVersion: 1 | 2 },
  place: Place,
  { id, wish, process, resolvers, network }: PrepareWish,
): Promise<Prepared> {
  const hostname = wish.hostname || SANDBOX_HOSTNAME;
  const hostsFile = place.path('hosts');
  const resolvConf = place.path('resolv.conf');
  const [mounts, devices, text] = await Promise.all([sourcesOf(place, wish.mounts), devicesOf(needs, wish), resolvers]);
  makeFile(hostsFile, hostsText(hostname, wish.extraHosts));
  makeFile(resolvConf, text);
  const tree = Tree.open(place.rootfs);
  try {
    const user = await userOf(tree, process.user);
    makeWorkingDirectory(tree, process.cwd, user);
    const files = ['/etc/resolv.conf', '/etc/hosts'].map((path) => ({ path, isFolder: false }));
    const stubs = makeStubs(tree, [...files, ...mounts.map(mountPoint)], wish.removeStubsRecursive);
    const { cgroupParent, cgroupNamespace, oomScoreAdj } = needs.settings;
    const ownCgroups = cgroupNamespace === '' ? needs.cgroupVersion === 2 : cgroupNamespace === 'private';
    const apparmorProfile = await defaultProfile();
    const around = { id, rootfs: place.rootfs, user, mounts, hostsFile, resolvConf, network, cgroupParent, oomScoreAdj, apparmorProfile };
    const spec = stepSpec({ ...wish, hostname }, process, { ...around, ownCgroups });
    return { id, spec: await withDevices(spec, devices), user, stubs };
  } finally {
    tree.close();
  }
}

/** The devices that are asked for, as their descriptions say at this moment. */
async function devicesOf(
  { settings, logger }: Pick<ExecutorNeeds, 'settings' | 'logger'>,
  { devices }: ContainerWish,
): Promise<KnownDevice[]> {
  return devices.length === 0 ? [] : findDevices(await readDevices(settings.cdiDirectories, logger), devices);
}

/** Where a mount goes, by what it shows. */
function mountPoint({ destination, type, source = '' }: Mount): MountPoint {
  const isFolder = type !== 'bind' || (syscalls.statx(AT.FDCWD, source, 0).mode & S.IFMT) === S.IFDIR;
  return { path: destination, isFolder };
}

function makeWorkingDirectory(tree: Tree, cwd: string, user: ResolvedUser): void {
  if (!cwd.startsWith('/')) throw failedPrecondition(`working directory "${cwd}" is not absolute`);
  try {
    tree.makeFolder(cwd, user);
  } catch (error) {
    throw prefixed(error, `failed to create working directory ${cwd}`);
  }
}

/** Writes containerd's record of the container. */
export async function createContainer(
  { containers, settings }: Pick<ExecutorNeeds, 'containers' | 'settings'>,
  ctx: CallContext,
  { id, spec }: Prepared,
): Promise<void> {
  const runtime = { name: settings.runtime, options: undefined };
  const container = {
    id,
    labels: { [PLACE_LABEL]: settings.directory, [FLUSH_LABEL]: FLUSH_LATER },
    image: '',
    runtime,
    spec: packJson(OCI_SPEC_TYPE_URL, spec),
    snapshotter: '',
    snapshotKey: '',
    createdAt: undefined,
    updatedAt: undefined,
    extensions: {},
    sandbox: '',
  };
  await insistOnMaking(() => containers.create(ctx, { container }));
}

/** Removes the record. A failure is logged: the step's own end says more. */
export async function deleteContainer(
  { containers, logger }: Pick<ExecutorNeeds, 'containers' | 'logger'>,
  ctx: CallContext,
  id: string,
): Promise<void> {
  await insist(() => containers.delete(ctx, { id })).catch((error: unknown) => {
    if (isErrorOf(error, 'notFound')) return;
    logger.warn({ err: error, container: id }, `a step's container cannot be removed: ${errorText(error)}`);
  });
}
