export type { MessageType } from './any';
export {
  OCI_FEATURES_TYPE_URL,
  OCI_PROCESS_TYPE_URL,
  OCI_RESOURCES_TYPE_URL,
  OCI_SPEC_TYPE_URL,
  anyTypeName,
  isAny,
  packAny,
  packJson,
  unpackAny,
} from './any';
export { loadDescriptorSet } from './descriptors';
export { CRI_CONFIG_EXTENSION, CRI_CONTAINER_EXTENSION, OOM_EXTENSION } from './extensions';
export { FLUSH_LABEL, FLUSH_LATER, isFlushedLater } from './flush-label';
export { EXPIRE_LABEL, OPERATION_LABEL, operationLabels, workLabels } from './lease-labels';
export { SIZE_LABEL } from './size-label';
export { formatTimestamp, fromTimestamp, microsToTimestamp, parseTimestamp, timestampAfter, timestampNow, toTimestamp } from './timestamp';
export { wallMicros } from './wall-clock';
