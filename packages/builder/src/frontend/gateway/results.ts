import { randomUUID } from 'node:crypto';
import {
  AttestationKind,
  type Attestations,
  InTotoSubjectKind,
  type Ref,
  type Result,
} from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { type CallContext, notFound } from '@gantry/rpc';
import type { LeftTrees } from '../../failure/left-trees';
import type { Ref as TreeRef } from '../../refs/ref';
import type { Attestation, FrontendResult, Outcome } from '../frontend';

/** The empty tree as an outcome: a reference without an id. */
export const scratch: Outcome = { definition: undefined, tree: () => Promise.resolve(undefined) };

/** The outcomes that a frontend on the other side of the wire knows by ids. */
export class OutcomeIds {
  private readonly outcomes = new Map<string, Outcome>();
  private readonly left = new Map<string, TreeRef>();

  /** The outcome of an id; none for the empty id. Throws notFound. */
  get(id: string): Outcome | undefined {
    if (id === '') return undefined;
    const outcome = this.outcomes.get(id);
    if (outcome === undefined) throw notFound(`no such ref: ${id}`);
    return outcome;
  }

  /** A tree that an id stands for: an outcome's, or one that a failed step left. Scratch is undefined. */
  async hold(ctx: CallContext, id: string): Promise<TreeRef | undefined> {
    const left = this.left.get(id);
    return left === undefined ? this.get(id)?.tree(ctx) : left.clone();
  }

  /** Ids for the trees that a failed step left, held as long as they are known; empty for scratch. */
  addLeft({ inputs, mounts }: Pick<LeftTrees, 'inputs' | 'mounts'>): { readonly inputs: string[]; readonly mounts: string[] } {
    const ids = (refs: readonly (TreeRef | undefined)[]): string[] =>
      refs.map((ref) => {
        if (ref !== undefined && !this.left.has(ref.id)) this.left.set(ref.id, ref.clone());
        return ref?.id ?? '';
      });
    return { inputs: ids(inputs), mounts: ids(mounts) };
  }

  /** What is asked about must be a tree: scratch has nothing to look at. */
  need(id: string): Outcome {
    const outcome = this.get(id);
    if (outcome === undefined) throw notFound(`empty ref: ${id}`);
    return outcome;
  }

  add(outcome: Outcome): Ref {
    if (outcome === scratch) return { id: '', def: undefined };
    const id = randomUUID().replaceAll('-', '');
    this.outcomes.set(id, outcome);
    return { id, def: outcome.definition };
  }

  clear(): void {
    this.outcomes.clear();
    for (const ref of this.left.values()) ref.release();
    this.left.clear();
  }
}

/** A result as it goes over the wire; `arrays`: the frontend knows references with definitions. */
export function writeResult(result: FrontendResult, ids: OutcomeIds, arrays: boolean): Result {
  const single = result.outcomes.size === 0 ? scratch : result.outcomes.size === 1 ? result.outcomes.get('') : undefined;
  const attestations = [...result.attestations].map(([key, each]): [string, Attestations] => [
    key,
    { attestation: each.map((one) => writeAttestation(one, ids)) },
  ]);
  const common = { metadata: Object.fromEntries(result.metadata), attestations: Object.fromEntries(attestations) };
  if (single !== undefined) {
    const ref = ids.add(single);
    return arrays ? { ...common, ref } : { ...common, refDeprecated: ref.id };
  }
  const refs = [...result.outcomes].map(([key, outcome]): [string, Ref] => [key, ids.add(outcome)]);
  if (arrays) return { ...common, refs: { refs: Object.fromEntries(refs) } };
  return { ...common, refsDeprecated: { refs: Object.fromEntries(refs.map(([key, { id }]) => [key, id])) } };
}

function writeAttestation(attestation: Attestation, ids: OutcomeIds): Attestations['attestation'][number] {
  return {
    kind: attestation.kind === 'bundle' ? AttestationKind.Bundle : AttestationKind.InToto,
    metadata: Object.fromEntries(attestation.metadata),
    ref: attestation.tree === undefined ? undefined : ids.add(attestation.tree),
    path: attestation.path,
    inTotoPredicateType: attestation.predicateType,
    inTotoSubjects: attestation.subjects.map(({ kind, name, digests }) => ({
      kind: kind === 'raw' ? InTotoSubjectKind.Raw : InTotoSubjectKind.Self,
      name,
      digest: [...digests],
    })),
  };
}

/** What a frontend returns, with the outcomes that its ids stand for. Errors: notFound for an id that was never given. */
export function readResult(result: Result, ids: OutcomeIds): FrontendResult {
  const outcome = (id: string): Outcome => ids.get(id) ?? scratch;
  const many = result.refs?.refs ?? result.refsDeprecated?.refs;
  const outcomes =
    many === undefined
      ? [['', outcome(result.ref?.id ?? result.refDeprecated ?? '')] as const]
      : Object.entries(many).map(([key, ref]) => [key, outcome(typeof ref === 'string' ? ref : ref.id)] as const);
  return {
    outcomes: new Map(outcomes),
    metadata: new Map(Object.entries(result.metadata)),
    attestations: new Map(
      Object.entries(result.attestations).map(([key, { attestation }]) => [key, attestation.map((each) => readAttestation(each, ids))]),
    ),
  };
}

function readAttestation(each: Attestations['attestation'][number], ids: OutcomeIds): Attestation {
  const tree = each.ref === undefined ? undefined : ids.get(each.ref.id);
  return {
    kind: each.kind === AttestationKind.Bundle ? 'bundle' : 'in-toto',
    metadata: new Map(Object.entries(each.metadata)),
    path: each.path,
    predicateType: each.inTotoPredicateType,
    subjects: each.inTotoSubjects.map(({ kind, name, digest }) => ({
      kind: kind === InTotoSubjectKind.Raw ? 'raw' : 'self',
      name,
      digests: digest,
    })),
    ...(tree === undefined ? {} : { tree }),
  };
}
