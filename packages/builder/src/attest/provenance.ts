import { solvedOf } from '../bridge/outcomes';
import { solverJob, usageOf } from '../bridge/make-jobs';
import type { Processor } from '../control/needs';
import { platformsOf, type ResultPlatform } from '../exporters/image/platforms';
import type { Attestation, FrontendResult } from '../frontend/frontend';
import type { Job } from '../solver/jobs';
import type { ProvenanceAttributes } from './attributes';
import type { KnownTrees } from './build-config';
import { capture } from './capture';
import { makePredicate } from './predicate';
import { toSlsaV1 } from './slsa-v1';

/** How a predicate is called and how it is made. */
export interface MadeStatement {
  readonly predicateType: string;
  readonly content: () => Promise<Buffer>;
}

/** Adds to each platform of a result what it was made of. */
export function provenanceProcessor(known: KnownTrees, attributes: ProvenanceAttributes): Processor {
  return async (_ctx, result, job) => {
    const attestations = new Map(result.attestations);
    for (const platform of platformsOf(result)) {
      const statement = provenanceOf(known, { job, result, platform }, attributes);
      if (statement === undefined) continue;
      const attestation: Attestation = {
        kind: 'in-toto',
        metadata: new Map([
          ['reason', Buffer.from('provenance')],
          ['inline-only', Buffer.from(String(attributes.inlineOnly))],
        ]),
        path: attributes.filename,
        predicateType: statement.predicateType,
        subjects: [],
        content: statement.content,
      };
      attestations.set(platform.id, [...(attestations.get(platform.id) ?? []), attestation]);
    }
    return { ...result, attestations };
  };
}

/** What one platform of a result was made of; undefined for scratch. What must be known of the build is gathered now, the rest when the content is asked for. */
export function provenanceOf(
  known: KnownTrees,
  { job, result, platform }: { readonly job: Job; readonly result: FrontendResult; readonly platform: ResultPlatform },
  attributes: ProvenanceAttributes,
): MadeStatement | undefined {
  const { outcome } = platform;
  const inner = solverJob(job);
  const step = outcome && solvedOf(outcome)?.step;
  if (outcome === undefined || inner === undefined || step === undefined) return undefined;
  const captured = capture(outcome, platform.platform, result);
  if (captured === undefined) return undefined;
  const { invocation, started } = inner;
  const usage = attributes.captureUsage ? usageOf(job) : undefined;
  const about = { capture: captured, definition: outcome.definition, step, invocation, started, usage };
  return {
    predicateType: `https://slsa.dev/provenance/${attributes.version}`,
    content: async () => {
      const predicate = makePredicate(known, about, attributes);
      return Promise.resolve(Buffer.from(JSON.stringify(attributes.version === 'v1' ? toSlsaV1(predicate) : predicate, undefined, 2)));
    },
  };
}
