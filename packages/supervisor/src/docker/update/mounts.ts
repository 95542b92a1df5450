import type { MountRequest, MountResponse, UnmountRequest, UnmountResponse } from '@gantry/api/gantry/engine/v1/containers';
import type { MountRecord } from '@gantry/api/gantry/engine/v1/record';
import { type CallContext, detached, ignore, invalidArgument } from '@gantry/rpc';
import { type JournalEntry, untilEnded } from '../../core/journal';
import { isRunning } from '../../core/phases';
import { makeVolume } from '../create/make-volume';
import { emitContainerEvent, inDockerNamespace, type Uses } from '../engine';
import { refuseLeaving } from './leaving';
import { mountsAhead, type MountsAsked, planMountChange } from './plan-mounts';

export type MountsNeeds = Uses<{
  records: 'dockerNamespace' | 'findDocker' | 'getDocker' | 'requireDocker' | 'updateDocker';
  events: 'emit';
  journal: 'begin' | 'end' | 'open';
  persistence: 'until';
  queues: 'run';
  looks: 'look';
  logger: 'warn';
  volumes: 'addReference' | 'createVolume' | 'populate' | 'releaseReference' | 'removeVolume';
}>;

/** The journal's word for a change of what is mounted. */
export const MOUNTS = 'mounts';

interface Held {
  readonly volumes: readonly { readonly name: string; readonly anonymous: boolean }[];
}

const ANSWER_MS = 30_000;

/** gantry.engine.v1's Mount: further mounts of a container, from its next start on. */
export const addMounts = (engine: MountsNeeds, caller: CallContext, { id, binds, mounts }: MountRequest): Promise<MountResponse> =>
  inQueue(engine, caller, id, { binds, mounts, unmount: [] });

/** Its Unmount: what is mounted at these places is no more, from the next start on. */
export const removeMounts = (engine: MountsNeeds, caller: CallContext, { id, destinations }: UnmountRequest): Promise<UnmountResponse> =>
  inQueue(engine, caller, id, { binds: [], mounts: [], unmount: destinations });

async function inQueue(engine: MountsNeeds, caller: CallContext, ref: string, asked: MountsAsked): Promise<object> {
  const { id } = engine.records.requireDocker(ref);
  await engine.queues.run(id, () => changeMounts(engine, caller, id, asked));
  return {};
}

export const asksForMounts = ({ binds, mounts, unmount }: MountsAsked): boolean => binds.length + mounts.length + unmount.length > 0;

/**
 * In the container's queue. Volumes are made and held first, under the journal; one write of the record is the change. A container that runs keeps what it has until it
 * starts again.
 */
export async function changeMounts(engine: MountsNeeds, caller: CallContext, id: string, asked: MountsAsked): Promise<void> {
  const { docker } = engine.records.requireDocker(id);
  refuseLeaving(docker);
  const ctx = inDockerNamespace(engine, detached(caller));
  const planned = await planMountChange(docker, asked, {
    find: (ref) => {
      throw invalidArgument(`No such container: ${ref}`);
    },
    exists: async (path) => (await engine.looks.look('exists', [path], { path, failure: `stat ${path}` })).value,
    leave: (mount) => makeVolume(engine, ctx, mount),
  });
  const volumes = planned.added
    .filter(({ record }) => record.type === 'volume' && !docker.volumeNames.includes(record.name))
    .map(({ record: { name, anonymous } }) => ({ name, anonymous }));
  const runs = isRunning(docker);
  const entry = engine.journal.begin(MOUNTS, id, { volumes } satisfies Held);
  let next: MountRecord[];
  try {
    const ready = new Map<string, MountRecord>();
    for (const { record, volume } of planned.added) {
      if (record.type !== 'volume') continue;
      if (volume !== undefined) await makeVolume(engine, ctx, { record, volume });
      const { volume: held } = await engine.volumes.addReference(
        ctx,
        { name: record.name, containerId: id, mount: false },
        { timeoutMs: ANSWER_MS },
      );
      ready.set(record.destination, { ...record, source: held?.mountpoint ?? '', driver: held?.driver ?? record.driver });
    }
    next = planned.next.map((mount) => ready.get(mount.destination) ?? mount);
    if (!runs) await fillVolumes(engine, ctx, id, docker.mounts, next);
  } catch (error) {
    await undoMounts(engine, ctx, entry).catch(() => undoMountsLater(engine, ctx, entry));
    throw error;
  }
  const { hostConfig, covered } = planned;
  engine.journal.end(entry, () =>
    engine.records.updateDocker(id, (current) => ({
      ...current,
      hostConfig,
      ...(runs ? { nextMounts: { items: next } } : { mounts: next, nextMounts: undefined }),
      volumeNames: [...current.volumeNames, ...volumes.map(({ name }) => name)],
      coveredVolumes: [...current.coveredVolumes, ...covered],
    })),
  );
  if (!runs) await releaseUnmounted(engine, ctx, id);
  const now = engine.records.requireDocker(id).docker;
  const added = planned.added.map(({ record }) => record.destination);
  if (added.length > 0) emitContainerEvent(engine, id, now, 'set-mount', { destinations: added.join(',') });
  if (asked.unmount.length > 0) emitContainerEvent(engine, id, now, 'unset-mount', { destinations: asked.unmount.join(',') });
}

/** What the image has at the place of an empty volume is copied into it, as when a container is made. The container does not run. */
export async function fillVolumes(
  { volumes }: Pick<MountsNeeds, 'volumes'>,
  ctx: CallContext,
  id: string,
  before: readonly MountRecord[],
  after: readonly MountRecord[],
): Promise<void> {
  const present = new Set(before.map(({ destination, name }) => `${destination} ${name}`));
  for (const { type, name, destination, copyUp, subpath } of after) {
    if (type !== 'volume' || !copyUp || present.has(`${destination} ${name}`)) continue;
    await volumes.populate(ctx, { volumeName: name, snapshotKey: id, path: destination, subpath });
  }
}

/** Volumes with a name that nothing mounts any more are given back; anonymous ones stay for `rm -v`. */
export async function releaseUnmounted(
  engine: Pick<MountsNeeds, 'records' | 'volumes' | 'logger'>,
  ctx: CallContext,
  id: string,
): Promise<void> {
  const docker = engine.records.getDocker(id)?.docker;
  if (docker === undefined) return;
  const mounted = new Set([...docker.mounts, ...mountsAhead(docker)].map(({ name }) => name).concat(docker.coveredVolumes));
  for (const name of docker.volumeNames.filter((each) => !mounted.has(each))) {
    try {
      await engine.volumes.releaseReference(ctx, { name, containerId: id, keep: false }).catch(ignore('notFound'));
      engine.records.updateDocker(id, (current) => ({ ...current, volumeNames: current.volumeNames.filter((each) => each !== name) }));
    } catch (error) {
      // It is given back with the container at the latest.
      engine.logger.warn({ err: error, container: id, volume: name }, 'a volume that is not mounted any more is not given back');
    }
  }
}

/** What a change of mounts held that was cut short is given back as soon as it can be. */
export function undoMountsLater(
  engine: Pick<MountsNeeds, 'records' | 'journal' | 'persistence' | 'volumes'>,
  ctx: CallContext,
  entry: JournalEntry,
): void {
  untilEnded(engine, entry, 'giving volumes back', () => undoMounts(engine, ctx, entry));
}

/** The record says what was before. */
async function undoMounts(
  engine: Pick<MountsNeeds, 'records' | 'journal' | 'volumes'>,
  ctx: CallContext,
  entry: JournalEntry,
): Promise<void> {
  const id = entry.subject;
  const names = engine.records.getDocker(id)?.docker.volumeNames ?? [];
  for (const { name, anonymous } of (entry.input as Held).volumes) {
    if (names.includes(name)) continue;
    await engine.volumes.releaseReference(ctx, { name, containerId: id, keep: false }).catch(ignore('notFound'));
    if (anonymous)
      await engine.volumes.removeVolume(ctx, { name, force: true }).catch(ignore('notFound', 'conflict', 'failedPrecondition'));
  }
  engine.journal.end(entry, () => undefined);
}
