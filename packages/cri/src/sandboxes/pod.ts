import { CRI_CONFIG_EXTENSION as CONFIG, packAny, packJson, unpackAny } from '@gantry/api';
import type { Sandbox } from '@gantry/api/containerd/types/types';
import type { Any } from '@gantry/api/google/protobuf/any';
import type { Timestamp } from '@gantry/api/google/protobuf/timestamp';
import { NamespaceMode, type NamespaceOption, PodSandboxConfig } from '@gantry/api/runtime/v1/api';

/** The supervisor's controller of our sandboxes. */
export const SANDBOXER = 'pod';

const FACTS = 'gantry.io/cri.pod';

/** What became of what kubelet asked for. */
export interface PodFacts {
  readonly runtimeHandler: string;
  /** Of the pod's own network, the first one is its main one. */
  readonly ips: readonly string[];
}

/** A pod sandbox: the supervisor's record, read. */
export interface Pod {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly facts: PodFacts;
  readonly createdAt: bigint;
}

/** Undefined: the record is another client's. */
export function podOf({ sandboxId: id, extensions, createdAt }: Sandbox): Pod | undefined {
  const config = unpackAny(extensions[CONFIG], PodSandboxConfig);
  const facts = extensions[FACTS];
  if (config === undefined || facts === undefined) return undefined;
  return { id, config, facts: JSON.parse(facts.value.toString()) as PodFacts, createdAt: nanosOf(createdAt) };
}

export const extensionsOf = ({ config, facts }: Pick<Pod, 'config' | 'facts'>): Record<string, Any> => ({
  [CONFIG]: packAny(PodSandboxConfig, config),
  [FACTS]: packJson(FACTS, facts),
});

export const nanosOf = (at: Timestamp | undefined): bigint => (at === undefined ? 0n : at.seconds * 1_000_000_000n + BigInt(at.nanos));

const everythingOfThePod: NamespaceOption = {
  network: NamespaceMode.POD,
  pid: NamespaceMode.POD,
  ipc: NamespaceMode.POD,
  targetId: '',
  usernsOptions: undefined,
};

export const namespacesOf = ({ linux }: PodSandboxConfig): NamespaceOption =>
  linux?.securityContext?.namespaceOptions ?? everythingOfThePod;

export const isHostNetwork = (config: PodSandboxConfig): boolean => namespacesOf(config).network === NamespaceMode.NODE;

/** By which a pod is known but by its id; a second one of that name is refused. */
export function podName({ metadata }: PodSandboxConfig): string {
  return metadata === undefined ? '' : [metadata.name, metadata.namespace, metadata.uid, metadata.attempt].join('_');
}
