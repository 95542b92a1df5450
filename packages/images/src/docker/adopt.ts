import { isIndex, type Platform } from '@gantry/oci';
import { invalidArgument, notFound } from '@gantry/rpc';
import type { Reader } from '@gantry/registry';
import type { ContentStore } from '../content/store';
import type { Puller } from '../registry/pull';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import type { Catalog, CatalogEntry } from './catalog';
import { indexLabels } from './gc-labels';
import { putName, REPO_DIGEST_LABEL } from './names';
import { underLease } from './operation';

export interface AdoptDependencies {
  readonly catalog: Catalog;
  readonly content: ContentStore;
  readonly leases: LeaseTable;
  readonly puller: Pick<Puller, 'image'>;
}

export interface AdoptOptions {
  readonly ref: string;
  readonly platform: Platform | undefined;
  /** The namespace that has it. */
  readonly from: string;
}

/**
 * Makes an image of another namespace one of this one, too. Blobs are shared already: it is pulled from the other namespace in a registry's place, so that each
 * has rows, names and trees of its own, and no collection or removal of one is felt in the other.
 */
export async function adoptImage(deps: AdoptDependencies, scope: Scope, { ref, platform, from }: AdoptOptions): Promise<CatalogEntry> {
  if (from === scope.namespace || from === '') throw invalidArgument(`an image cannot be adopted from namespace "${from}"`);
  const { catalog, content, leases } = deps;
  return underLease(leases, { namespace: from }, 'adopt', async (theirs) => {
    const { image, records } = await catalog.resolve(theirs, ref, platform);
    const named = catalog.findRecord(theirs, ref);
    const names = named === undefined ? records : [named];
    const [target] = names.map((record) => record.target);
    if (target === undefined) throw notFound(`No such image: ${ref}`);
    content.hold(theirs, target.digest); // with all that it refers to, should its names go meanwhile
    content.hold(theirs, image.manifestDigest);
    return underLease(leases, scope, 'adopt', async (own) => {
      const bytes = await content.readAll(theirs, image.manifestDigest);
      await deps.puller.image(own, stored(content, theirs), bytes, { reference: undefined, report: () => undefined });
      if (isIndex(target.mediaType)) {
        const { value: index } = await catalog.reader.documents.index(theirs, target.digest);
        const labels = indexLabels(index, (digest) => content.has(own, digest));
        await content.put(own, await content.readAll(theirs, target.digest), target.digest, labels);
      }
      for (const { name, labels } of names) {
        const digest = labels[REPO_DIGEST_LABEL];
        putName(catalog.images, own, name, target, { labels: digest === undefined ? {} : { [REPO_DIGEST_LABEL]: digest } });
      }
      return catalog.resolve(own, ref, platform);
    });
  });
}

/** The content of a namespace as a registry's. */
function stored(content: ContentStore, scope: Scope): Reader {
  return {
    manifest: () => Promise.reject(notFound('only blobs are read')),
    blob: (digest, _size, offset) => content.read(scope, digest, offset),
    referrers: () => Promise.resolve([]),
  };
}
