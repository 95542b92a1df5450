import type { MessageType } from '@gantry/api';
import * as events from '@gantry/api/containerd/events/events';
import { ImageCreate, ImageDelete, ImageUpdate } from '@gantry/api/containerd/services/images/v1/images';

const types = [
  events.ContainerCreate,
  events.ContainerUpdate,
  events.ContainerDelete,
  events.ContentCreate,
  events.ContentDelete,
  events.NamespaceCreate,
  events.NamespaceUpdate,
  events.NamespaceDelete,
  events.SandboxCreate,
  events.SandboxStart,
  events.SandboxExit,
  events.SnapshotPrepare,
  events.SnapshotCommit,
  events.SnapshotRemove,
  events.TaskCreate,
  events.TaskStart,
  events.TaskDelete,
  events.TaskIO,
  events.TaskExit,
  events.TaskOOM,
  events.TaskExecAdded,
  events.TaskExecStarted,
  events.TaskPaused,
  events.TaskResumed,
  events.TaskCheckpointed,
  ImageCreate,
  ImageUpdate,
  ImageDelete,
] as const;

/** Events whose fields can be named in a filter, by full message name. */
export const eventTypes: ReadonlyMap<string, MessageType<object>> = new Map(types.map((type) => [type.$type, type as MessageType<object>]));
