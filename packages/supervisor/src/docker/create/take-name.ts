import { emitContainerEvent, type Uses } from '../engine';
import { Phase, phaseOf, stateOf } from '../../core/phases';
import type { DockerContainer } from '../records';

type Needs = Uses<{ records: 'getDocker' | 'names' | 'updateDocker'; events: 'emit' }>;

/**
 * Reserves a name, in a transaction of the caller's. A container whose removal failed gives its own up: it goes as soon as it can, is called by its short id and
 * that name until then, and nobody who makes the next one waits for what keeps it. Throws conflict when another holds the name.
 */
export function takeName(engine: Needs, name: string, id: string): void {
  const { records } = engine;
  const holder = records.names.holder(name);
  const dying = holder === undefined || holder === id ? undefined : records.getDocker(holder);
  if (dying !== undefined && cannotGo(dying.docker)) {
    const other = `${dying.id.slice(0, 12)}_${name}`;
    records.names.releaseName(name, dying.id);
    records.names.reserve(other, dying.id);
    const { docker } = records.updateDocker(dying.id, (current) => ({ ...current, name: other }));
    emitContainerEvent(engine, dying.id, docker, 'rename', { oldName: `/${name}` });
  }
  records.names.reserve(name, id);
}

/** Its removal failed, and is tried again now and then. */
function cannotGo(docker: DockerContainer): boolean {
  const phase = phaseOf(docker);
  return phase === Phase.PHASE_DEAD || (phase === Phase.PHASE_REMOVING && stateOf(docker).error !== '');
}
