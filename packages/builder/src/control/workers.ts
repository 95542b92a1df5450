import type { WorkerRecord } from '@gantry/api/moby/buildkit/v1/types/worker';
import { compileFilters, labelField } from '@gantry/oci/filter';

/** The workers that filters of containerd's form let through. */
export function matchingWorkers(workers: readonly WorkerRecord[], filters: readonly string[]): WorkerRecord[] {
  const matches = compileFilters(filters);
  return workers.filter(({ ID, Labels }) =>
    matches((path) => (path[0] === 'id' ? ID : path[0] === 'labels' ? labelField(Labels, path) : undefined)),
  );
}
