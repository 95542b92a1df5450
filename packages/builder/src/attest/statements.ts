import type { SolveRequest } from '@gantry/api/moby/buildkit/v1/control';
import type { BuildOutcome } from '../control/needs';
import { platformsOf } from '../exporters/image/platforms';
import type { Job } from '../solver/jobs';
import { readAttestAttributes } from './attributes';
import type { KnownTrees } from './build-config';
import { type MadeStatement, provenanceOf } from './provenance';

const OF_RECORDS = { mode: 'max', reproducible: false, inlineOnly: false, filename: '', version: 'v0.2', captureUsage: true } as const;

/** What a build's record says of its results, by platform id: provenance of mode max and how busy the host was, whatever the client wanted in its image. */
export function recordStatements(
  known: KnownTrees,
): (job: Job, request: SolveRequest, outcome: BuildOutcome) => Promise<ReadonlyMap<string, readonly MadeStatement[]>> {
  return async (job, { FrontendAttrs }, { result }) => {
    const made = new Map<string, readonly MadeStatement[]>();
    if (result === undefined) return made;
    const { provenance } = readAttestAttributes(new Map(Object.entries(FrontendAttrs)));
    const single = result.outcomes.has('');
    for (const platform of platformsOf(result)) {
      const statement = provenanceOf(known, { job, result, platform }, { ...OF_RECORDS, builderId: provenance?.builderId ?? '' });
      // The bytes are made while the trees are held.
      const content = await statement?.content();
      if (statement !== undefined && content !== undefined)
        made.set(single ? '' : platform.id, [{ predicateType: statement.predicateType, content: () => Promise.resolve(content) }]);
    }
    return made;
  };
}
