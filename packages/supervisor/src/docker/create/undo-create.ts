import type { CallContext } from '@gantry/rpc';
import { type JournalEntry, undoSteps, untilEnded } from '../../core/journal';
import type { Engine } from '../engine';
import type { CreateInput } from './create';
import { createSteps } from './create-steps';

/** Gives back what a create held that came to nothing, and then its entry of the journal. Rejects when a service did not take it back: the entry stays. */
export async function undoCreate(engine: Engine, ctx: CallContext, entry: JournalEntry): Promise<void> {
  const [failure] = await undoSteps(ctx, createSteps(engine), entry.input as CreateInput, engine.logger);
  if (failure !== undefined) throw failure;
  engine.journal.end(entry, () => engine.records.names.release(entry.subject), { durable: false });
}

/** The same as soon as it can be done. The name is free for others at once. */
export function undoCreateLater(engine: Engine, ctx: CallContext, entry: JournalEntry): void {
  engine.records.names.release(entry.subject);
  untilEnded(engine, entry, 'giving back what a create held', () => undoCreate(engine, ctx, entry));
}
