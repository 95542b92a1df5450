import type { StepContainer } from '@gantry/api/gantry/engine/v1/containers';
import type { RunState } from '@gantry/api/gantry/engine/v1/record';
import { conflict, invalidArgument } from '@gantry/rpc';
import { Phase } from '../../core/phases';
import type { Uses } from '../engine';

/** The id that a build's users were told. Throws invalidArgument for what is none, conflict for one that there is. */
export function newStepId({ records }: Uses<{ records: 'listDocker' }>, { id }: StepContainer): string {
  if (!/^[0-9a-f]{64}$/.test(id)) throw invalidArgument(`the id of a step's container is 64 hexadecimal digits, not ${JSON.stringify(id)}`);
  if (records.listDocker().some((record) => record.id === id)) throw conflict(`there is a container ${id} already`);
  return id;
}

/** The state of a new container: created, or what became of it where it ran in a build. */
export function pastOf(step: StepContainer | undefined): Partial<RunState> {
  if (step === undefined) return { phase: Phase.PHASE_CREATED };
  const { startedAt, finishedAt, exitCode } = step;
  return { phase: startedAt === '' ? Phase.PHASE_CREATED : Phase.PHASE_EXITED, startedAt, finishedAt, exitCode };
}
