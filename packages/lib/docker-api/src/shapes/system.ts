import type { EventMessage, SystemInfo, SystemVersion } from '@gantry/api/gantry/engine/v1/types';
import { exactNumber } from '../json/codec';
import { messageCodec } from '../messages';
import { type ApiVersion, MAX_API_VERSION } from '../versions/version';

/** Swarm is part of every answer, and always inactive here. */
const swarm = { NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '', RemoteManagers: null };

const programs = ['ContainerdCommit', 'RuncCommit', 'InitCommit'] as const;

/** GET /info, with what older versions said otherwise. */
export function writeInfo(value: SystemInfo, version: ApiVersion): object {
  const written = messageCodec('SystemInfo').write(asOf(value, version), version) as Record<string, unknown>;
  for (const name of programs) {
    const ID = value[name]?.ID ?? '';
    written[name] = version.atLeast('1.49') ? { ID } : { ID, Expected: ID };
  }
  if (!version.atLeast('1.47')) written['RegistryConfig'] = { ...artifacts, ...(written['RegistryConfig'] as object | null) };
  return { ...written, ...(version.atLeast('1.50') ? {} : bridgeNetfilter), Swarm: swarm };
}

/** Never set since their features went, and said until 1.47 and 1.50. */
const artifacts = { AllowNondistributableArtifactsCIDRs: null, AllowNondistributableArtifactsHostnames: null };
const bridgeNetfilter = { BridgeNfIptables: false, BridgeNfIp6tables: false };

function asOf(info: SystemInfo, version: ApiVersion): SystemInfo {
  const known = (text: string): string => (text === '' && !version.atLeast('1.39') ? '<unknown>' : text);
  return {
    ...info,
    KernelVersion: known(info.KernelVersion),
    OperatingSystem: known(info.OperatingSystem),
    // `name=seccomp,profile=builtin` was `seccomp`
    SecurityOptions: version.atLeast('1.25') ? info.SecurityOptions : info.SecurityOptions.map((option) => optionName(option)),
    Runtimes: version.atLeast('1.44')
      ? info.Runtimes
      : Object.fromEntries(Object.entries(info.Runtimes).map(([name, runtime]) => [name, { ...runtime, status: {} }])),
  };
}

const optionName = (option: string): string => /(?:^|,)name=([^,]*)/.exec(option)?.[1] ?? option;

/** The API versions are the gateway's own to tell: `oldest` is the oldest that it lets in. */
export function writeVersion(value: SystemVersion, version: ApiVersion, oldest: string): object {
  const apis = { ApiVersion: MAX_API_VERSION, MinAPIVersion: oldest };
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
