import type { Processor } from '../control/needs';
import type { ImageWish } from '../frontend/frontend';
import { readAttestAttributes } from './attributes';
import type { KnownTrees } from './build-config';
import { provenanceProcessor } from './provenance';
import { sbomProcessor } from './sbom';

/** What is to be said of a build's results, by the frontend's attributes (`attest:…`). The list of contents comes first: it is a result, too. */
export function makeProcessors(known: KnownTrees): (attributes: ReadonlyMap<string, string>) => readonly Processor[] {
  return (attributes) => {
    const { provenance, sbom } = readAttestAttributes(attributes);
    return [
      ...(sbom === undefined
        ? []
        : [sbomProcessor({ ...sbom, mode: modeOf(attributes.get('image-resolve-mode')), ignoreCache: attributes.has('no-cache') })]),
      ...(provenance === undefined ? [] : [provenanceProcessor(known, provenance)]),
    ];
  };
}

const modeOf = (mode: string | undefined): ImageWish['mode'] => (mode === 'pull' || mode === 'local' ? mode : 'default');
