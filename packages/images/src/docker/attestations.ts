import type { Attestation } from '@gantry/api/gantry/images/v1/images';
import { isIndex } from '@gantry/oci';
import { notFound } from '@gantry/rpc';
import type { Scope } from '../store/namespaced';
import type { Catalog, CatalogEntry } from './catalog';

/** BuildKit's annotations: what a manifest of an index is about, and what a layer of that states. */
const KIND = 'vnd.docker.reference.type';
const SUBJECT = 'vnd.docker.reference.digest';
const PREDICATE = 'in-toto.io/predicate-type';

/** Longest statement that is told: a list of a large image's files has some megabytes, and an answer between services has 16 at most. */
const LONGEST = 12 << 20;

export interface AttestationOptions {
  /** None: all. */
  readonly predicateTypes: readonly string[];
  readonly statements: boolean;
}

/** The in-toto statements of the image of one platform. An image without an index has none; one whose index has no such platform is not found. */
export async function listAttestations(
  { content, reader }: Pick<Catalog, 'content' | 'reader'>,
  scope: Scope,
  { image, records }: CatalogEntry,
  { predicateTypes, statements }: AttestationOptions,
): Promise<Attestation[]> {
  const target = records[0]?.target;
  if (target === undefined || !isIndex(target.mediaType)) return [];
  const { value: index } = await reader.documents.index(scope, target.digest);
  const about = index.manifests.find(
    ({ annotations = {} }) => annotations[KIND] === 'attestation-manifest' && annotations[SUBJECT] === image.manifestDigest,
  );
  if (about === undefined) return [];
  if (!content.has(scope, about.digest)) throw notFound(`attestation manifest ${about.digest} is not available locally`);
  const { value: manifest } = await reader.documents.manifest(scope, about.digest);
  const wanted = manifest.layers.flatMap((layer) => {
    const predicateType = layer.annotations?.[PREDICATE] ?? '';
    const asked = predicateTypes.length === 0 || predicateTypes.includes(predicateType);
    return predicateType !== '' && asked ? [{ layer, predicateType }] : [];
  });
  const told: Attestation[] = [];
  for (const { layer, predicateType } of wanted) {
    const { mediaType, digest, size, annotations = {} } = layer;
    told.push({
      descriptor: { mediaType, digest, size: BigInt(size), annotations: { ...annotations } },
      predicateType,
      statement: statements ? await statementOf(content, scope, digest) : Buffer.alloc(0),
    });
  }
  return told;
}

function statementOf(content: Catalog['content'], scope: Scope, digest: string): Promise<Buffer> {
  if (!content.has(scope, digest)) throw notFound(`attestation statement ${digest} is not available locally`);
  return content.readAll(scope, digest, LONGEST);
}
