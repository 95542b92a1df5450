import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { asGantryError, type CallContext, errorText, GantryError } from '@gantry/rpc';
import type { Core } from '../core';
import type { Contained } from '../face';
import { stopTask } from '../exit/task-end';
import { type JournalEntry, untilEnded } from '../journal';
import { patiently } from '../patience';
import { Phase, phaseOf, stateOf } from '../phases';
import { containerDir } from '../places';
import { discardSnapshot } from './discard';

type Needs = Pick<
  Core,
  'face' | 'journal' | 'leases' | 'life' | 'logger' | 'network' | 'persistence' | 'queues' | 'records' | 'settings' | 'snapshots' | 'tasks'
>;

/** What a removal that is cut short needs to go on. */
interface RemovalInput {
  /** Its anonymous volumes go too. */
  readonly volumes: boolean;
}

/**
 * Removes a container that does not run, in its queue. From here on it goes, whatever comes in between: a service that is away is waited for, what fails
 * otherwise leaves the container dead, with the reason, until a later try succeeds; a removal that was cut short goes on at the next start.
 */
export async function remove(core: Needs, ctx: CallContext, id: string, { volumes }: RemovalInput): Promise<void> {
  // One that failed before, perhaps with other words about the volumes: this one takes its place.
  const former = core.journal.open().filter(({ kind, subject }) => kind === 'remove' && subject === id);
  if (former.length === 0 && isBare(core.face.get(id))) return removeBare(core, ctx, id);
  const input: RemovalInput = { volumes: volumes || former.some((entry) => (entry.input as RemovalInput).volumes) };
  const entry = core.journal.begin('remove', id, input, () => {
    for (const old of former) core.journal.end(old, () => undefined);
    const container = core.face.get(id);
    if (container !== undefined && phaseOf(container) !== Phase.PHASE_REMOVING) core.face.move(id, Phase.PHASE_REMOVING);
  });
  await finishRemoval(core, ctx, entry);
}

/** Nothing of it runs, and nothing is to be given back that may fail or take its time. */
function isBare(container: Contained | undefined): boolean {
  if (container === undefined || container.holds) return false;
  const phase = phaseOf(container);
  return phase === Phase.PHASE_CREATED || phase === Phase.PHASE_EXITED;
}

/** One durable transaction; the task of its last run, which has ended, follows with the files. May run beside the work that takes that away already. */
function removeBare(core: Needs, ctx: CallContext, id: string): void {
  let forget = (): void => undefined;
  const before = core.face.get(id);
  const input: DiscardInput = { snapshotter: snapshotterOf(core, id) };
  const rest = core.journal.begin('discard', id, input, () => (forget = core.face.delete(id)), { durable: true });
  forget();
  core.life.tellRemoved(id, { exitCode: before === undefined ? 0n : stateOf(before).exitCode, error: '' });
  discardBehind(core, ctx, rest);
}

/**
 * Goes on with a removal, in the container's queue. Also recovery's way of finishing one. It answers when process, network and volumes are given back and
 * the record is durably gone: its files follow behind another journal entry, whatever they take.
 */
export async function finishRemoval(core: Needs, ctx: CallContext, entry: JournalEntry): Promise<void> {
  const id = entry.subject;
  const container = core.face.get(id);
  if (container === undefined) return core.journal.end(entry, () => undefined, { durable: false });
  try {
    await patiently(() => Promise.all([stopTask(core, ctx, id), core.face.giveBack(ctx, id, entry.input as RemovalInput)]));
  } catch (thrown) {
    removeLater(core, ctx, entry);
    throw removalFailed(core, id, thrown);
  }
  if (core.face.get(id) === undefined) return core.journal.end(entry, () => undefined, { durable: false });
  const input: DiscardInput = { snapshotter: snapshotterOf(core, id) };
  let forget = (): void => undefined;
  const rest = core.journal.end(entry, () => core.journal.begin('discard', id, input, () => (forget = core.face.delete(id))));
  forget();
  core.life.tellRemoved(id, { exitCode: stateOf(container).exitCode, error: '' });
  discardBehind(core, ctx, rest);
}

function discardBehind(core: Needs, ctx: CallContext, rest: JournalEntry): void {
  const container = rest.subject;
  void core.queues
    .run(container, () => discard(core, ctx, rest))
    .catch((error: unknown) =>
      core.logger.warn({ err: error, container }, 'the files of a removed container are still there; they are removed later'),
    );
}

/**
 * The end of a container that goes with its first process: network and volumes are given back, the record goes, everybody is told, and
 * the rest (task, snapshot, lease, directory) follows behind a journal entry, off the path of who waits for the removal.
 */
export async function removeEnded(core: Needs, ctx: CallContext, id: string, network: () => Promise<void>): Promise<void> {
  const container = core.face.get(id);
  if (container === undefined) return;
  const input: DiscardInput = { snapshotter: snapshotterOf(core, id) };
  try {
    await Promise.all([network(), patiently(() => core.face.giveBack(ctx, id, { volumes: true }))]);
  } catch (thrown) {
    removeLater(core, ctx, core.journal.begin('remove', id, { volumes: true }));
    throw removalFailed(core, id, thrown);
  }
  let forget = (): void => undefined;
  // Not durable: a container of this kind that a power cut brings back does not run, and is removed at the next start.
  const entry = core.journal.begin('discard', id, input, () => (forget = core.face.delete(id)));
  forget();
  core.life.tellRemoved(id, { exitCode: stateOf(container).exitCode, error: '' });
  await discard(core, ctx, entry);
}

interface DiscardInput {
  readonly snapshotter: string;
}

/** What is left of a container whose record is gone. Also recovery's way of finishing with it. */
export async function discard(core: Needs, ctx: CallContext, entry: JournalEntry): Promise<void> {
  const id = entry.subject;
  const { snapshotter } = entry.input as DiscardInput;
  const rest = async (): Promise<void> => {
    await patiently(() => stopTask(core, ctx, id));
    await patiently(() => Promise.all([discardSnapshot(core, ctx, id, snapshotter), removeDirectory(core, id)]));
    core.journal.end(entry, () => undefined, { durable: false });
  };
  await rest().catch((error: unknown) => {
    untilEnded(core, entry, 'discarding a removed container', rest);
    throw error;
  });
}

/** A removal that failed is tried again until it succeeds, or somebody else removed the container meanwhile. */
function removeLater(core: Needs, ctx: CallContext, entry: JournalEntry): void {
  const id = entry.subject;
  untilEnded(core, entry, 'removing a container', async () => {
    const container = core.face.get(id);
    if (container !== undefined && phaseOf(container) === Phase.PHASE_DEAD)
      core.face.move(id, Phase.PHASE_REMOVING, {}, { durable: false });
    await finishRemoval(core, ctx, entry);
  });
}

function snapshotterOf({ records, face }: Pick<Core, 'records' | 'face'>, id: string): string {
  return records.get(face.namespace, id)?.snapshotter ?? '';
}

/** A few files as a rule: taken for such, it costs half of what a removal costs that looks at each. */
async function removeDirectory(core: Pick<Core, 'settings'>, id: string): Promise<void> {
  const directory = containerDir(core, id);
  try {
    await Promise.all((await fs.readdir(directory)).map((name) => fs.unlink(join(directory, name))));
    await fs.rmdir(directory);
  } catch {
    await fs.rm(directory, { recursive: true, force: true }); // it tells what it cannot remove
  }
}

/** The container stays as dead, with the reason, and can be removed again. */
function removalFailed({ face, life }: Pick<Core, 'face' | 'life'>, id: string, thrown: unknown): GantryError {
  const error = asGantryError(thrown);
  const before = face.get(id);
  if (before !== undefined && phaseOf(before) === Phase.PHASE_REMOVING) face.move(id, Phase.PHASE_DEAD, { error: errorText(error) });
  life.tellExit(id, { exitCode: before === undefined ? 0n : stateOf(before).exitCode, error: errorText(error) });
  return new GantryError(
    error.kind === 'notFound' ? 'internal' : error.kind,
    `unable to remove container ${before?.name ?? id}: ${error.message}`,
    { cause: thrown },
  );
}
