import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Any } from './gen/google/protobuf/any';

/** What a generated message object offers and an Any needs. */
export interface MessageType<T> {
  readonly $type: string;
  encode(message: T): BinaryWriter;
  decode(input: Uint8Array): T;
}

/**
 * Packs a message the way containerd does: the type URL is the bare full name, e.g. `containerd.events.TaskExit`.
 * Readers accept any prefix before the last slash, as protobuf says.
 */
export function packAny<T>(type: MessageType<T>, message: T): Any {
  return { typeUrl: type.$type, value: Buffer.from(type.encode(message).finish()) };
}

/** True when the Any holds a message of this type, whatever its URL's prefix. */
export function isAny<T>(any: Any | undefined, type: MessageType<T>): boolean {
  return any !== undefined && anyTypeName(any) === type.$type;
}

/** The decoded message, or undefined when the Any is absent or of another type. Throws when its bytes are malformed. */
export function unpackAny<T>(any: Any | undefined, type: MessageType<T>): T | undefined {
  return any !== undefined && isAny(any, type) ? type.decode(any.value) : undefined;
}

/** Full message name of an Any: its URL after the last slash. */
export function anyTypeName(any: Any): string {
  return any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1);
}

/** containerd's type URL of the OCI runtime spec, which travels as JSON (Container.spec). */
export const OCI_SPEC_TYPE_URL = 'types.containerd.io/opencontainers/runtime-spec/1/Spec';
/** Those of its parts: of an exec's process, of an update's limits, of what a runtime can do. */
export const OCI_PROCESS_TYPE_URL = 'types.containerd.io/opencontainers/runtime-spec/1/Process';
export const OCI_RESOURCES_TYPE_URL = 'types.containerd.io/opencontainers/runtime-spec/1/LinuxResources';
export const OCI_FEATURES_TYPE_URL = 'types.containerd.io/opencontainers/runtime-spec/1/features/Features';

/** A value that travels as JSON inside an Any, under a type URL of the caller's choice. */
export function packJson(typeUrl: string, value: unknown): Any {
  return { typeUrl, value: Buffer.from(JSON.stringify(value)) };
}
