import type { Attestation } from '../../frontend/frontend';

export interface Subject {
  readonly name: string;
  readonly digest: Readonly<Record<string, string>>;
}

const IN_TOTO = 'https://in-toto.io/Statement/v0.1';

/** `sha256:abc` as in-toto has it. */
export const digestSet = (...digests: readonly string[]): Record<string, string> =>
  Object.fromEntries(digests.map((digest) => [digest.slice(0, digest.indexOf(':')), digest.slice(digest.indexOf(':') + 1)]));

/** An in-toto statement about the image (`self`: one subject a name of it) or about whatever else the frontend named. */
export function statementOf(
  attestation: Pick<Attestation, 'predicateType' | 'subjects'>,
  self: readonly Subject[],
  predicate: Buffer,
): Buffer {
  const named = attestation.subjects.length === 0 ? [{ kind: 'self' as const, name: '', digests: [] }] : attestation.subjects;
  const subject = named.flatMap(({ kind, name, digests }): Subject[] => {
    if (kind === 'raw') return [{ name: name === '' ? '_' : name, digest: digestSet(...digests) }];
    return self.flatMap((each) => (name === '' || name === '_' ? [each] : [each, { ...each, name }]));
  });
  const head = JSON.stringify({ _type: IN_TOTO, predicateType: attestation.predicateType, subject });
  // The predicate goes in as it is: it may hold numbers that JavaScript cannot.
  return Buffer.from(`${head.slice(0, -1)},"predicate":${predicate.length === 0 ? 'null' : predicate.toString()}}`);
}
