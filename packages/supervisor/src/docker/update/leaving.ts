import { conflict } from '@gantry/rpc';
import { Phase, phaseOf } from '../../core/phases';
import type { DockerContainer } from '../records';

/** A container that is being removed has no next start. */
export function refuseLeaving(docker: DockerContainer): void {
  const phase = phaseOf(docker);
  if (phase === Phase.PHASE_REMOVING || phase === Phase.PHASE_DEAD)
    throw conflict(`container ${docker.name} is marked for removal and cannot be changed`);
}
