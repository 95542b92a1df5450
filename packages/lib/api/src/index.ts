export type { MessageType } from './any';
export { OCI_SPEC_TYPE_URL, anyTypeName, isAny, packAny, packJson, unpackAny } from './any';
export { loadDescriptorSet } from './descriptors';
export { FLUSH_LABEL, FLUSH_LATER, isFlushedLater } from './flush-label';
export { formatTimestamp, fromTimestamp, microsToTimestamp, parseTimestamp, timestampAfter, timestampNow, toTimestamp } from './timestamp';
export { wallMicros } from './wall-clock';
