import { buildCancel, imageBuild } from './build/image';
import { buildPrune } from './build/prune';
import { grpcRoute } from './grpc/serve';
import { sessionRoute } from './session/open';
import { systemAuth } from './system/auth';
import { systemDataUsage } from './system/disk-usage';
import { systemEvents } from './system/events';
import { systemInfo } from './system/info';
import { systemPing, systemPingHead } from './system/ping';
import { systemVersion } from './system/version';
import { containerArchive } from './containers/archive-get';
import { containerArchiveInfo } from './containers/archive-info';
import { putContainerArchive } from './containers/archive-put';
import { containerAttachWebsocket } from './containers/attach-ws';
import { containerAttach } from './containers/attach';
import { containerChanges } from './containers/changes';
import { imageCommit } from './containers/commit';
import { containerCreate } from './containers/create';
import { containerExport } from './containers/export';
import { containerInspectRoute } from './containers/inspect';
import { containerKill } from './containers/kill';
import { containerList } from './containers/list';
import { containerLogs } from './containers/logs';
import { containerPause } from './containers/pause';
import { containerPrune } from './containers/prune';
import { containerDelete } from './containers/remove';
import { checkpointCreate } from './checkpoints/create';
import { checkpointList } from './checkpoints/list';
import { checkpointDelete } from './checkpoints/remove';
import { containerRename } from './containers/rename';
import { containerResize } from './containers/resize';
import { containerRestart } from './containers/restart';
import { containerStart } from './containers/start';
import { containerStats } from './containers/stats';
import { containerStop } from './containers/stop';
import { containerTop } from './containers/top';
import { containerUnpause } from './containers/unpause';
import { containerUpdate } from './containers/update';
import { containerWait } from './containers/wait';
import { containerExec } from './exec/create';
import { execInspectRoute } from './exec/inspect';
import { execKill } from './exec/kill';
import { execResize } from './exec/resize';
import { execStart } from './exec/start';
import { imageAttestations } from './images/attestations';
import { imageCreate } from './images/create';
import { imageHistory } from './images/history';
import { imageInspect } from './images/inspect';
import { imageList } from './images/list';
import { imageLoad } from './images/load';
import { imagePrune } from './images/prune';
import { imagePush } from './images/push';
import { imageDelete } from './images/remove';
import { imageGet, imageGetAll } from './images/save';
import { imageSearch } from './images/search';
import { imageTag } from './images/tag';
import { distributionInspect } from './distribution/inspect';
import { networkConnect } from './networks/connect';
import { networkCreate } from './networks/create';
import { networkDisconnect } from './networks/disconnect';
import { networkInspect } from './networks/inspect';
import { networkList, networkListSlash } from './networks/list';
import { networkPrune } from './networks/prune';
import { networkDelete } from './networks/remove';
import { pluginRoutes } from './plugins/table';
import { volumeCreateRoute } from './volumes/create';
import { volumeInspect } from './volumes/inspect';
import { volumeList } from './volumes/list';
import { volumePrune } from './volumes/prune';
import { volumeDelete } from './volumes/remove';
import type { Route } from '../http/exchange';
import { swarmRoutes } from './swarm/table';

/** Every operation of the Engine API. Patterns are tried in this order, so the longer ones of an object come before its bare `{name:.*}`. */
export const routes: readonly Route[] = [
  ...swarmRoutes,
  checkpointCreate,
  checkpointDelete,
  checkpointList,
  buildCancel,
  buildPrune,
  imageBuild,
  grpcRoute,
  sessionRoute,
  systemAuth,
  systemDataUsage,
  systemEvents,
  systemInfo,
  systemPing,
  systemPingHead,
  systemVersion,
  containerArchive,
  containerArchiveInfo,
  putContainerArchive,
  containerAttachWebsocket,
  containerAttach,
  containerChanges,
  imageCommit,
  containerCreate,
  containerExport,
  containerInspectRoute,
  containerKill,
  containerList,
  containerLogs,
  containerPause,
  containerPrune,
  containerDelete,
  containerRename,
  containerResize,
  containerRestart,
  containerStart,
  containerStats,
  containerStop,
  containerTop,
  containerUnpause,
  containerUpdate,
  containerWait,
  containerExec,
  execInspectRoute,
  execKill,
  execResize,
  execStart,
  imageAttestations,
  imageCreate,
  imageHistory,
  imageInspect,
  imageList,
  imageLoad,
  imagePrune,
  imagePush,
  imageDelete,
  imageGet,
  imageGetAll,
  imageSearch,
  imageTag,
  distributionInspect,
  networkConnect,
  networkCreate,
  networkDisconnect,
  networkInspect,
  networkList,
  networkListSlash,
  networkPrune,
  networkDelete,
  ...pluginRoutes,
  volumeCreateRoute,
  volumeInspect,
  volumeList,
  volumePrune,
  volumeDelete,
];
