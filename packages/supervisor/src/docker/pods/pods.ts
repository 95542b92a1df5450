import { conflict } from '@gantry/rpc';
import type { DockerRecord, DockerRecords } from '../records';
import { podContainer } from './view';

/** Containers of Kubernetes' pods, which docker shows and does nothing to. */
export interface PodContainers {
  /** Docker's records with those of pods among them, for who only looks. */
  shownIn(records: DockerRecords): DockerRecords;
}

/** `namespace`: gantry-cri's. */
export function podContainers(namespace: string): PodContainers {
  return {
    shownIn: (records) => ({
      ...records,
      listDocker: () => [...records.listDocker(), ...podsOf(records, namespace)],
      requireDocker: (ref) => records.findDocker(ref) ?? findPod(records, namespace, ref) ?? records.requireDocker(ref),
    }),
  };
}

/** None are shown. */
export const noPods: PodContainers = { shownIn: (records) => records };

/** Docker's records, where a container of a pod is refused by what it is. */
export function refusingPods(records: DockerRecords, namespace: string): DockerRecords {
  return {
    ...records,
    requireDocker(ref) {
      const own = records.findDocker(ref);
      const pod = own === undefined ? findPod(records, namespace, ref) : undefined;
      if (pod === undefined) return own ?? records.requireDocker(ref);
      const { id, docker } = pod;
      throw conflict(
        `container ${docker.name} (${id.slice(0, 12)}) belongs to a pod of Kubernetes: docker only shows it, kubectl and crictl change it`,
      );
    },
  };
}

const podsOf = (records: Pick<DockerRecords, 'list'>, namespace: string): DockerRecord[] =>
  records.list(namespace).flatMap((record) => podContainer(record) ?? []);

/** By id, name or the beginning of one id. */
function findPod(records: Pick<DockerRecords, 'list'>, namespace: string, ref: string): DockerRecord | undefined {
  if (ref === '') return undefined;
  const all = podsOf(records, namespace);
  const named = all.find(({ id, docker }) => id === ref || docker.name === ref.replace(/^\//, ''));
  if (named !== undefined) return named;
  const begun = all.filter(({ id }) => id.startsWith(ref));
  return begun.length === 1 ? begun[0] : undefined;
}
