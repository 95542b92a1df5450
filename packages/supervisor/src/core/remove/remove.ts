import { promises as fs } from 'node:fs';
import { asGantryError, type CallContext, errorText, GantryError } from '@gantry/rpc';
import type { Core } from '../core';
import { stopTask } from '../exit/task-end';
import type { JournalEntry } from '../journal';
import { Phase, phaseOf, stateOf } from '../phases';
import { containerDir } from '../places';
import { discardSnapshot } from './discard';

type Needs = Pick<Core, 'face' | 'journal' | 'leases' | 'life' | 'records' | 'settings' | 'snapshots' | 'tasks'>;

/**
 * Removes everything of a container in phase REMOVING, and its record last: what is cut short goes on at the
 * next start. A step that fails leaves it dead, with the reason. With `volumes` its anonymous volumes go too.
 */
export async function finishRemoval(core: Needs, ctx: CallContext, id: string, options: { readonly volumes: boolean }): Promise<void> {
  const container = core.face.get(id);
  if (container === undefined) return;
  const snapshotter = snapshotterOf(core, id);
  try {
    await Promise.all([stopTask(core, ctx, id), core.face.giveBack(ctx, id, options)]);
    await Promise.all([discardSnapshot(core, ctx, id, snapshotter), removeDirectory(core, id)]);
  } catch (thrown) {
    throw removalFailed(core, id, thrown);
  }
  if (core.face.get(id) === undefined) return;
  core.face.delete(id)();
  core.life.tellRemoved(id, { exitCode: stateOf(container).exitCode, error: '' });
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
    await Promise.all([network(), core.face.giveBack(ctx, id, { volumes: true })]);
  } catch (thrown) {
    throw removalFailed(core, id, thrown);
  }
  let tell = (): void => undefined;
  // Not durable: a container of this kind that a power cut brings back does not run, and is removed at the next start.
  const entry = core.journal.begin('discard', id, input, () => (tell = core.face.delete(id)));
  tell();
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
  await stopTask(core, ctx, id);
  await Promise.all([discardSnapshot(core, ctx, id, snapshotter), removeDirectory(core, id)]);
  core.journal.end(entry, () => undefined, { durable: false });
}

function snapshotterOf({ records, face }: Pick<Core, 'records' | 'face'>, id: string): string {
  return records.get(face.namespace, id)?.snapshotter ?? '';
}

function removeDirectory(core: Pick<Core, 'settings'>, id: string): Promise<void> {
  return fs.rm(containerDir(core, id), { recursive: true, force: true });
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
