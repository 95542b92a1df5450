import type { DockerContainer } from '../records';
import type { DockerEvents } from '../events';

/** docker's events of volumes that a start put in place. */
export function tellVolumesMounted(engine: { readonly events: Pick<DockerEvents, 'emit'> }, id: string, docker: DockerContainer): void {
  for (const { type, name, destination, driver, rw } of docker.mounts) {
    if (type !== 'volume') continue;
    engine.events.emit({
      type: 'volume',
      action: 'mount',
      id: name,
      attributes: { container: id, destination, driver: driver || 'local', propagation: '', 'read/write': String(rw) },
    });
  }
}

/** docker's events of volumes that an ended container gave back. */
export function tellVolumesUnmounted(engine: { readonly events: Pick<DockerEvents, 'emit'> }, id: string, docker: DockerContainer): void {
  for (const { type, name, driver } of docker.mounts) {
    if (type === 'volume')
      engine.events.emit({ type: 'volume', action: 'unmount', id: name, attributes: { container: id, driver: driver || 'local' } });
  }
}
