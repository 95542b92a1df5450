import type { ContainersServiceService } from '@gantry/api/gantry/engine/v1/containers';
import type { Handlers } from '@gantry/rpc';
import { exportContainer, getArchive, putArchive, statArchive } from './archive';
import { attachContainer, attachReady } from './attach/attach';
import { createCheckpoint } from './checkpoints/create';
import { listCheckpoints } from './checkpoints/list';
import { removeCheckpoint } from './checkpoints/remove';
import { createExec, execReady, inspectExec, resizeExec, startExec } from './exec/exec';
import { killExec } from './exec/kill';
import { containerLogs } from './logs/logs';
import { containerStats } from './stats/stats';
import { commitContainer, containerChanges } from './commit/changes';
import { createContainer } from './create/create';
import type { Engine } from './engine';
import { inspectContainer } from './inspect/inspect';
import { killContainer } from './stop/kill';
import { listContainers } from './list/list';
import { pauseContainer, unpauseContainer } from './pause/pause';
import { pruneContainers } from './remove/prune';
import { removeContainer } from './remove/remove';
import { setEnvironment } from './update/environment';
import { addMounts, removeMounts } from './update/mounts';
import { publishPorts, unpublishPorts } from './update/ports';
import { renameContainer } from './update/rename';
import { resizeContainer } from './update/resize';
import { startContainer } from './start/start';
import { restartContainer, stopContainer } from './stop/stop';
import { topContainer } from './stats/top';
import { updateContainer } from './update/update';
import { waitContainer } from './stop/wait';

/** gantry.engine.v1.ContainersService: one verb a file. */
export function containersHandlers(engine: Engine): Handlers<ContainersServiceService> {
  const shown = { ...engine, records: engine.pods.shownIn(engine.records) };
  return {
    create: (ctx, request) => createContainer(engine, ctx, request),
    start: (ctx, request) => startContainer(engine, ctx, request),
    stop: (ctx, request) => stopContainer(engine, ctx, request),
    restart: (ctx, request) => restartContainer(engine, ctx, request),
    kill: (ctx, request) => killContainer(engine, ctx, request),
    pause: (ctx, request) => pauseContainer(engine, ctx, request),
    unpause: (ctx, request) => unpauseContainer(engine, ctx, request),
    rename: (ctx, request) => renameContainer(engine, ctx, request),
    update: (ctx, request) => updateContainer(engine, ctx, request),
    publish: (ctx, request) => publishPorts(engine, ctx, request),
    unpublish: (ctx, request) => unpublishPorts(engine, ctx, request),
    setEnvironment: (ctx, request) => setEnvironment(engine, ctx, request),
    mount: (ctx, request) => addMounts(engine, ctx, request),
    unmount: (ctx, request) => removeMounts(engine, ctx, request),
    remove: (ctx, request) => removeContainer(engine, ctx, request),
    wait: (ctx, request) => waitContainer(engine, ctx, request),
    inspect: (ctx, request) => inspectContainer(shown, ctx, request),
    list: (ctx, request) => listContainers(shown, ctx, request),
    top: (ctx, request) => topContainer(engine, ctx, request),
    attach: (ctx, request) => attachContainer(engine, ctx, request),
    attachReady: (ctx, request) => attachReady(engine, ctx, request),
    resize: (ctx, request) => resizeContainer(engine, ctx, request),
    logs: (ctx, request) => containerLogs(engine, ctx, request),
    stats: (ctx, request) => containerStats(engine, ctx, request),
    changes: (ctx, request) => containerChanges(engine, ctx, request),
    statArchive: (ctx, request) => statArchive(engine, ctx, request),
    getArchive: (ctx, request) => getArchive(engine, ctx, request),
    putArchive: (ctx, request) => putArchive(engine, ctx, request),
    export: (ctx, request) => exportContainer(engine, ctx, request),
    prune: (ctx, request) => pruneContainers(engine, ctx, request),
    commit: (ctx, request) => commitContainer(engine, ctx, request),
    execCreate: (ctx, request) => createExec(engine, ctx, request),
    execStart: (ctx, request) => startExec(engine, ctx, request),
    execReady: (ctx, request) => execReady(engine, ctx, request),
    execInspect: (ctx, request) => inspectExec(engine, ctx, request),
    execResize: (ctx, request) => resizeExec(engine, ctx, request),
    checkpointCreate: (ctx, request) => createCheckpoint(engine, ctx, request),
    checkpointList: (ctx, request) => listCheckpoints(engine, ctx, request),
    checkpointRemove: (ctx, request) => removeCheckpoint(engine, ctx, request),
    execKill: (ctx, request) => killExec(engine, ctx, request),
  };
}
