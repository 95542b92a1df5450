import type { APICap } from '@gantry/api/moby/buildkit/v1/apicaps/caps';

/** What frontends may ask over LLBBridge, by the names of the protocol. */
const frontendCaps = [
  'solve.base',
  'solve.inlinereturn',
  'resolveimage',
  'resolveimage.resolvemode',
  'readfile',
  'return',
  'returnmap',
  'readdir',
  'statfile',
  'importcaches',
  'proto.refarray',
  'reference.output',
  'frontend.inputs',
  'gateway.solve.metadata',
  'gateway.exec',
  'gateway.exec.extrahosts',
  'gateway.exec.secretenv',
  'gateway.exec.signals',
  'frontend.caps',
  'gateway.solve.evaluate',
  'gateway.evaluate',
  'gateway.warnings',
  'reference.attestations',
  'source.metaresolver',
] as const;

/** The names as clients are told of them. */
export const enabled = (names: readonly string[]): APICap[] =>
  names.map((ID) => ({ ID, Enabled: true, Deprecated: false, DisabledReason: '', DisabledReasonMsg: '', DisabledAlternative: '' }));

export const frontendApiCaps: readonly APICap[] = enabled(frontendCaps);
