import type { EventMessage, SystemInfo, SystemVersion } from '@gantry/api/gantry/engine/v1/types';
import { exactNumber } from '../json/codec';
import { messageCodec } from '../messages';
import { type ApiVersion, MAX_API_VERSION, MIN_API_VERSION } from '../version';

/** Swarm is part of every answer, and always inactive here. */
const swarm = { NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '', RemoteManagers: null };

const programs = ['ContainerdCommit', 'RuncCommit', 'InitCommit'] as const;

/** GET /info. Up to 1.48 a program's commit was said twice, as found and as expected. */
export function writeInfo(value: SystemInfo, version: ApiVersion): object {
  const written = messageCodec('SystemInfo').write(value, version) as Record<string, unknown>;
  for (const name of programs) {
    const ID = value[name]?.ID ?? '';
    written[name] = version.atLeast('1.49') ? { ID } : { ID, Expected: ID };
  }
  return { ...written, Swarm: swarm };
}

/** The API versions are the gateway's own to tell. */
export function writeVersion(value: SystemVersion, version: ApiVersion): object {
  const apis = { ApiVersion: MAX_API_VERSION, MinAPIVersion: MIN_API_VERSION };
  const Components = value.Components.map((component) =>
    component.Name === 'Engine' && component.Details !== undefined
      ? { ...component, Details: { ...component.Details, ...apis } }
      : component,
  );
  return messageCodec('SystemVersion').write({ ...value, Components, ...apis }, version) as object;
}

/** One line of /events. Up to 1.51 container and image events also said id, status and from at the top. */
export function writeEvent(event: EventMessage, version: ApiVersion): object {
  const actor = event.Actor;
  const legacy = !version.atLeast('1.52') && (event.Type === 'container' || event.Type === 'image');
  const image = event.Type === 'container' ? actor?.Attributes['image'] : undefined;
  return {
    ...(legacy ? { status: event.Action, id: actor?.ID ?? '', ...(image ? { from: image } : {}) } : {}),
    Type: event.Type,
    Action: event.Action,
    Actor: { ID: actor?.ID ?? '', Attributes: actor?.Attributes ?? {} },
    scope: event.scope || 'local',
    time: exactNumber(event.time),
    timeNano: exactNumber(event.timeNano),
  };
}
