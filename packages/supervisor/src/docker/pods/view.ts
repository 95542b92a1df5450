import { CRI_CONFIG_EXTENSION, CRI_CONTAINER_EXTENSION, formatTimestamp, unpackAny } from '@gantry/api';
import { Container as DockerContainer, Phase } from '@gantry/api/gantry/engine/v1/record';
import { ContainerConfig } from '@gantry/api/runtime/v1/api';
import type { ContainerdContainer } from '../../core/records';
import type { DockerRecord } from '../records';

/** What gantry-cri keeps of what became of a container. */
interface Facts {
  readonly podId: string;
  readonly imageId: string;
  /** Nanoseconds since the epoch, as text; empty: it was not started. */
  readonly startedAt: string;
  readonly ended?: { readonly code: number; readonly at: string; readonly reason: string; readonly message: string };
}

/** A container of a pod as docker would know it; undefined: the record is another client's. */
export function podContainer(record: ContainerdContainer): DockerRecord | undefined {
  const config = unpackAny(record.extensions[CRI_CONFIG_EXTENSION], ContainerConfig);
  const extension = record.extensions[CRI_CONTAINER_EXTENSION];
  if (config === undefined || extension === undefined) return undefined;
  const facts = JSON.parse(extension.value.toString()) as Facts;
  const { ended, startedAt } = facts;
  const docker = DockerContainer.fromPartial({
    name: nameOf(config, facts.podId),
    created: record.createdAt === undefined ? '' : formatTimestamp(record.createdAt),
    imageId: facts.imageId,
    platform: 'linux',
    config: {
      Image: record.image,
      Labels: config.labels,
      Entrypoint: { items: config.command },
      Cmd: { items: config.args },
      Env: config.envs.map(({ key, value }) => `${key}=${Buffer.from(value).toString()}`),
      WorkingDir: config.workingDir,
      Tty: config.tty,
      OpenStdin: config.stdin,
      StdinOnce: config.stdinOnce,
    },
    hostConfig: { NetworkMode: `container:${facts.podId}`, Privileged: config.linux?.securityContext?.privileged === true },
    state: {
      phase: ended !== undefined ? Phase.PHASE_EXITED : startedAt === '' ? Phase.PHASE_CREATED : Phase.PHASE_RUNNING,
      startedAt: textOf(startedAt),
      finishedAt: textOf(ended?.at ?? ''),
      exitCode: BigInt(ended?.code ?? 0),
      oomKilled: ended?.reason === 'OOMKilled',
      error: ended?.message ?? '',
    },
    mounts: config.mounts
      .filter(({ hostPath }) => hostPath !== '')
      .map((mount) => ({ type: 'bind', source: mount.hostPath, destination: mount.containerPath, rw: !mount.readonly })),
  });
  return { id: record.id, docker };
}

/** As kubelets called docker's containers when they made those. */
function nameOf({ metadata, labels }: ContainerConfig, podId: string): string {
  const of = (key: string): string => labels[`io.kubernetes.pod.${key}`] ?? '';
  const pod = [of('name'), of('namespace'), of('uid')].filter((part) => part !== '');
  return ['k8s', metadata?.name ?? '', ...(pod.length === 0 ? [podId.slice(0, 12)] : pod), metadata?.attempt ?? 0].join('_');
}

const textOf = (nanos: string): string => (nanos === '' ? '' : new Date(Number(BigInt(nanos) / 1_000_000n)).toISOString());
