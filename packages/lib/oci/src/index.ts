export { capabilityNames } from './capabilities';
export type { Digest, Digester } from './digest';
export { chainId, chainIds, digestAlgorithm, digester, digestHex, isDigest, parseDigest, sha256 } from './digest';
export { danglingName, danglingPrefix, parentLabel, repoDigestLabel } from './docker-images';
export { goSize } from './go-size';
export type {
  Descriptor,
  DockerArchiveEntry,
  Healthcheck,
  HistoryEntry,
  ImageConfig,
  ImageContainerConfig,
  ImageLayout,
  Index,
  Manifest,
} from './image-spec';
export { formatJson, parseJson } from './json';
export { withoutNulls } from './nulls';
export type { Compression } from './media-types';
export { isConfig, isIndex, isLayer, isManifest, isNondistributable, layerCompression, mediaTypes } from './media-types';
export { amd64Level, hostAmd64Level } from './amd64-level';
export { foreignPlatform } from './foreign-platform';
export type { Platform } from './platform';
export { formatPlatform, hostPlatform, normalizePlatform, parsePlatform, platformEquals, runnable, selectPlatform } from './platform';
export type { Reference } from './reference';
export {
  checkTag,
  familiarName,
  familiarString,
  formatReference,
  parseReference,
  repositoryName,
  tryReference,
  withDefaultTag,
} from './reference';
export type { LinuxSeccomp, SeccompAction, SeccompArg, SeccompOperator, SeccompSyscall } from './runtime-seccomp';
export type {
  Hook,
  Hooks,
  IdMapping,
  Int64,
  Linux,
  LinuxBlockIo,
  LinuxCapabilities,
  LinuxCpu,
  LinuxDevice,
  LinuxDeviceCgroup,
  LinuxMemory,
  LinuxNamespace,
  LinuxResources,
  LinuxThrottleDevice,
  LinuxWeightDevice,
  Mount,
  NamespaceType,
  Process,
  Rlimit,
  Root,
  RuntimeState,
  Scheduler,
  Spec,
  TimeOffset,
  User,
} from './runtime-spec';
export {
  defaultCapabilities,
  defaultDeviceRules,
  defaultMaskedPaths,
  defaultMounts,
  defaultNamespaces,
  defaultPath,
  defaultReadonlyPaths,
} from './defaults/container';
