import { invalidArgument } from '@gantry/rpc';
import type { Attestation } from '../../frontend/frontend';

const INLINE_ONLY = 'inline-only';

/** The attestations that an exporter writes: those that only make sense inside an image are left out where it does not force them. */
export function wantedAttestations(all: readonly Attestation[], inline: boolean): readonly Attestation[] {
  for (const { kind, path, tree, content } of all) {
    if (kind !== 'bundle' && path === '') throw invalidArgument('attestation does not have set path');
    if (tree === undefined && content === undefined) throw invalidArgument('attestation does not have available content');
  }
  return all.filter(({ metadata }) => inline || metadata.get(INLINE_ONLY)?.toString() !== 'true');
}
