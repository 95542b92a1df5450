import { CRI_CONFIG_EXTENSION as CONFIG, CRI_CONTAINER_EXTENSION as FACTS, packAny, packJson, unpackAny } from '@gantry/api';
import type { Container as Record_ } from '@gantry/api/containerd/services/containers/v1/containers';
import type { Any } from '@gantry/api/google/protobuf/any';
import { ContainerConfig } from '@gantry/api/runtime/v1/api';
import type { Spec } from '@gantry/oci';
import type { ImageVolume } from './image-volumes';
import { nanosOf } from '../sandboxes/pod';

/** How a container ended. */
export interface Ended {
  readonly code: number;
  /** Nanoseconds since the epoch, as text: JSON has no such numbers. */
  readonly at: string;
  readonly reason: string;
  readonly message: string;
}

/** What became of what kubelet asked for. */
export interface ContainerFacts {
  readonly podId: string;
  readonly imageId: string;
  readonly imageRef: string;
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] };
  /** Absolute; empty: nothing is logged. */
  readonly logPath: string;
  /** The number of the signal that asks it to end. */
  readonly stopSignal: number;
  /** As `at`; empty: it was not started. */
  readonly startedAt: string;
  readonly ended?: Ended;
  /** Images that it mounts. */
  readonly volumes?: readonly ImageVolume[];
  /** It has volumes because its image declares them. */
  readonly declared?: boolean;
  /** It goes on from a checkpoint. */
  readonly restored?: boolean;
}

/** A container of a pod: the supervisor's record, read. */
export interface Contained {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly facts: ContainerFacts;
  readonly createdAt: bigint;
  readonly record: Record_;
}

/** Undefined: the record is another client's. */
export function containedOf(record: Record_): Contained | undefined {
  const config = unpackAny(record.extensions[CONFIG], ContainerConfig);
  const facts = record.extensions[FACTS];
  if (config === undefined || facts === undefined) return undefined;
  return {
    id: record.id,
    config,
    facts: JSON.parse(facts.value.toString()) as ContainerFacts,
    createdAt: nanosOf(record.createdAt),
    record,
  };
}

/** Its config.json. */
export const specOf = ({ record }: Pick<Contained, 'record'>): Spec => JSON.parse(Buffer.from(record.spec?.value ?? '').toString()) as Spec;

export const extensionsOf = ({ config, facts }: Pick<Contained, 'config' | 'facts'>): Record<string, Any> => ({
  [CONFIG]: packAny(ContainerConfig, config),
  [FACTS]: packJson(FACTS, facts),
});
