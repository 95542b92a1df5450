import { type Container, type ContainerState, type ContainerStatus, LinuxContainerResources } from '@gantry/api/runtime/v1/api';
import type { Contained } from './record';
import { signalWord } from './signals';

const imageOf = ({ config, record }: Contained): Container['image'] => ({
  image: record.image,
  annotations: {},
  userSpecifiedImage: config.image?.userSpecifiedImage ?? '',
  runtimeHandler: '',
  imageRef: '',
});

export function itemOf(container: Contained, state: ContainerState): Container {
  const { id, config, facts, createdAt } = container;
  const { metadata, labels, annotations } = config;
  const { podId: podSandboxId, imageRef, imageId } = facts;
  return { id, podSandboxId, metadata, image: imageOf(container), imageRef, state, createdAt, labels, annotations, imageId };
}

export function statusOf(container: Contained, state: ContainerState): ContainerStatus {
  const { id, config, facts, createdAt } = container;
  const { uid, gid, groups } = facts.user;
  return {
    id,
    metadata: config.metadata,
    state,
    createdAt,
    startedAt: BigInt(facts.startedAt === '' ? 0 : facts.startedAt),
    finishedAt: BigInt(facts.ended?.at ?? 0),
    exitCode: facts.ended?.code ?? 0,
    image: imageOf(container),
    imageRef: facts.imageRef,
    reason: facts.ended?.reason ?? '',
    message: facts.ended?.message ?? '',
    labels: config.labels,
    annotations: config.annotations,
    mounts: config.mounts,
    logPath: facts.logPath,
    resources: { linux: config.linux?.resources ?? LinuxContainerResources.create(), windows: undefined },
    imageId: facts.imageId,
    user: { linux: { uid: BigInt(uid), gid: BigInt(gid), supplementalGroups: groups.map(BigInt) } },
    stopSignal: signalWord(facts.stopSignal),
  };
}
