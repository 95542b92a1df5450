export type { MessageType } from './any';
export { OCI_SPEC_TYPE_URL, anyTypeName, isAny, packAny, packJson, unpackAny } from './any';
export { loadDescriptorSet } from './descriptors';
export { formatTimestamp, fromTimestamp, parseTimestamp, timestampNow, toTimestamp } from './timestamp';
