import { OCI_RESOURCES_TYPE_URL, packJson } from '@gantry/api';
import { HostConfig } from '@gantry/api/gantry/engine/v1/types';
import { type CallContext, detached, isErrorOf, withDeadline } from '@gantry/rpc';
import type { JournalEntry } from '../../core/journal';
import { isRunning } from '../../core/phases';
import { inDockerNamespace, type Uses } from '../engine';

/** Longest wait for a runtime that sets limits, milliseconds. */
const UPDATE_MS = 60_000;

export type LimitsNeeds = Uses<{
  records: 'dockerNamespace' | 'getDocker' | 'updateDocker';
  journal: 'begin' | 'end' | 'open';
  persistence: 'until';
  tasks: 'update';
  logger: 'warn';
}>;

/** The journal's word for a change of a running container's limits. */
export const LIMITS = 'limits';

/** Everything that a change of limits is. */
interface LimitsInput {
  /** Of the new HostConfig, what changes; protobuf, base64. */
  readonly hostConfig: string;
  readonly members: readonly (keyof HostConfig)[];
  /** LinuxResources of the runtime spec. */
  readonly resources: unknown;
}

/** What changes of a container's HostConfig. */
export interface LimitsChange {
  readonly hostConfig: HostConfig;
  readonly members: readonly (keyof HostConfig)[];
}

/**
 * Gives a running container other limits, in its queue, and its record with them. Cgroup and record cannot be written in one go: a change that was cut short is
 * done again, which harms nothing. One that the runtime refuses changes no record.
 */
export async function changeLimits(
  engine: LimitsNeeds,
  caller: CallContext,
  id: string,
  change: LimitsChange,
  resources: unknown,
): Promise<void> {
  const { hostConfig, members } = change;
  const ctx = inDockerNamespace(engine, detached(caller));
  const input: LimitsInput = { hostConfig: Buffer.from(HostConfig.encode(hostConfig).finish()).toString('base64'), members, resources };
  const entry = engine.journal.begin(LIMITS, id, input);
  try {
    await finishLimits(engine, ctx, entry);
  } catch (error) {
    if (isUnsure(error)) finishLater(engine, ctx, id);
    throw error;
  }
}

/** Does again, behind the caller, what was cut short of a container's limits. */
export function finishLater(engine: LimitsNeeds, ctx: CallContext, id: string): void {
  engine.persistence.until(id, 'giving it other limits', () => finishOpenLimits(engine, ctx, id));
}

/** In the container's queue: does what is in the journal, so that what follows is the later. What the runtime refuses is nobody's any more. */
export async function finishOpenLimits(engine: LimitsNeeds, ctx: CallContext, id: string): Promise<void> {
  for (const entry of engine.journal.open())
    if (entry.kind === LIMITS && entry.subject === id)
      await finishLimits(engine, ctx, entry).catch((error: unknown) => {
        if (isUnsure(error)) throw error;
        engine.logger.warn({ err: error, container: id }, 'limits that it was to have were refused');
      });
}

/** Nobody knows whether it is done. */
const isUnsure = (error: unknown): boolean => isErrorOf(error, 'unavailable', 'deadlineExceeded');

/** Rejects with the runtime's refusal, the entry gone, or unsure. */
async function finishLimits(engine: LimitsNeeds, ctx: CallContext, entry: JournalEntry): Promise<void> {
  const id = entry.subject;
  const { hostConfig, members, resources } = entry.input as LimitsInput;
  const record = engine.records.getDocker(id);
  if (record === undefined) return engine.journal.end(entry, () => undefined, { durable: false });
  if (isRunning(record.docker))
    try {
      await engine.tasks.update(withDeadline(ctx, UPDATE_MS), { id, resources: packJson(OCI_RESOURCES_TYPE_URL, resources) });
    } catch (error) {
      if (!isUnsure(error)) engine.journal.end(entry, () => undefined, { durable: false });
      throw error;
    }
  const next = HostConfig.decode(Buffer.from(hostConfig, 'base64'));
  const changed = Object.fromEntries(members.map((name) => [name, next[name]]));
  engine.journal.end(entry, () =>
    engine.records.updateDocker(id, (current) => ({
      ...current,
      hostConfig: { ...(current.hostConfig ?? HostConfig.create()), ...changed },
    })),
  );
}
