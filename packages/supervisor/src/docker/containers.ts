import type { MountsService } from '@gantry/api/containerd/services/mounts/v1/mounts';
import type { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import type { VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import type { ServiceClient } from '@gantry/rpc';
import type { Contained, Face } from '../core/face';
import type { Lifecycle } from '../core/exit/lifecycle';
import { isRunning, moveTo, Phase, phaseOf, stateOf, withState } from '../core/phases';
import type { DockerEvents } from './events';
import { connectedTo, forgetEndpoints, tellDisconnected } from './connect/connect';
import { emitContainerEvent, eventAttributes } from './engine';
import type { ExecTable } from './exec/table';
import { restartsUnhealthy } from './health/on-failure';
import type { LogForwarders } from './logs/forward/forwarders';
import { isForwarded } from './logs/log-config';
import type { DockerContainer, DockerRecord, DockerRecords } from './records';
import { shouldRestart } from './restart/policy';
import { releaseShm } from './start/shm';
import { releaseImageViews } from './image-mounts/release';
import { releaseVolumes } from './volumes/release';
import { tellVolumesUnmounted } from './volumes/volume-events';

export interface FaceNeeds {
  readonly settings: { readonly runRoot: string };
  readonly records: DockerRecords;
  readonly events: Pick<DockerEvents, 'emit'>;
  readonly volumes: Pick<ServiceClient<VolumesServiceService>, 'releaseReference' | 'removeVolume'>;
  readonly snapshots: Pick<ServiceClient<SnapshotsService>, 'remove'>;
  readonly activations: Pick<ServiceClient<MountsService>, 'deactivate'>;
  readonly execs: Pick<ExecTable, 'containerEnded' | 'containerGone' | 'exited'>;
  readonly life: Pick<Lifecycle, 'isKept' | 'forgetKept'>;
  readonly forwarders: Pick<LogForwarders, 'finish'>;
}

/** Docker's containers as the core sees them, and what docker does when the core moves one. */
export function dockerFace(needs: FaceNeeds): Face {
  const { records, execs, life } = needs;
  return {
    namespace: records.dockerNamespace,
    get(id) {
      const record = records.getDocker(id);
      return record === undefined ? undefined : contained(record);
    },
    list: () => records.listDocker().map(contained),
    move: (id, phase, change, options) =>
      contained(records.updateDocker(id, (docker) => follow(docker, moveTo(docker, phase, change)), options)),
    note(id, change, options) {
      records.updateDocker(id, (docker) => withState(docker, change), options);
    },
    delete(id) {
      const { docker } = records.requireDocker(id);
      records.delete(records.dockerNamespace, id);
      emitContainerEvent(needs, id, docker, 'destroy');
      return () => execs.containerGone(id);
    },
    afterEnd(id, end) {
      const { docker } = records.requireDocker(id);
      const { restartCount, manuallyStopped } = stateOf(docker);
      const ended = { exitCode: BigInt(end.exitCode), restartCount, manuallyStopped };
      if (shouldRestart(docker.hostConfig?.RestartPolicy, ended) || restartsUnhealthy(docker)) return 'restart';
      return !life.isKept(id) && docker.hostConfig?.AutoRemove === true ? 'removal' : 'rest';
    },
    ended(id, { exitCode }, ranMs) {
      life.forgetKept(id);
      execs.containerEnded(id);
      const { docker } = records.requireDocker(id);
      return () => tellDied(needs, { id, docker }, exitCode, ranMs);
    },
    execEnded(id, execId, exitCode) {
      execs.exited(id, execId, exitCode);
    },
    happened(id, what, source) {
      const { docker } = records.requireDocker(id);
      needs.events.emit({
        type: 'container',
        action: what,
        id,
        attributes: eventAttributes(docker),
        ...(source === undefined ? {} : { source }),
      });
    },
    disconnected(id) {
      const record = records.getDocker(id);
      if (record === undefined) return;
      if (connectedTo(record.docker).length > 0) records.updateDocker(id, forgetEndpoints, { durable: false });
      tellDisconnected(needs, id, record.docker);
      tellVolumesUnmounted(needs, id, record.docker);
    },
    async taskGone(id) {
      const record = records.getDocker(id);
      if (record === undefined || record.docker.hostConfig?.IpcMode === 'shareable') await releaseShm(needs, id);
    },
    async giveBack(ctx, id, { volumes }) {
      await needs.forwarders.finish(id);
      const mounts = records.getDocker(id)?.docker.mounts ?? [];
      const views = mounts
        .filter(({ snapshotKey }) => snapshotKey !== '')
        .map(({ snapshotter, snapshotKey: key }) => ({ snapshotter, key }));
      await releaseImageViews(needs, ctx, views);
      await releaseVolumes(needs, ctx, id, volumes);
    },
  };
}

/** docker's event of an end. */
export function tellDied(needs: Pick<FaceNeeds, 'events'>, { id, docker }: DockerRecord, exitCode: number | bigint, ranMs: number): void {
  const execDuration = String(Math.floor(ranMs / 1000));
  emitContainerEvent(needs, id, docker, 'die', { exitCode: String(exitCode), execDuration });
}

function contained({ id, docker }: DockerRecord): Contained {
  const { name, state, networkOrder, mounts, volumeNames, hostConfig } = docker;
  const holds = mounts.length > 0 || volumeNames.length > 0 || isForwarded(hostConfig?.LogConfig);
  return { id, name, state, networked: networkOrder.length > 0, holds };
}

/** What of docker's view follows a change of the phase: a failed start leaves no addresses, and what ended is not healthy. */
function follow(before: DockerContainer, after: DockerContainer): DockerContainer {
  if (isRunning(after)) return after;
  if (isRunning(before)) return healthEnded(after);
  return phaseOf(before) === Phase.PHASE_STARTING ? forgetEndpoints(after) : after;
}

function healthEnded(docker: DockerContainer): DockerContainer {
  const { health } = docker;
  if (health === undefined || (health.Status !== 'healthy' && health.Status !== 'starting')) return docker;
  return { ...docker, health: { ...health, Status: 'unhealthy' } };
}
