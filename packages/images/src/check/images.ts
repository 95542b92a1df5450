import { failedPrecondition } from '@gantry/rpc';
import type { ContentStore } from '../content/store';
import type { Database } from '../store/database';
import type { ImageTable } from '../store/images';
import type { Labels } from '../store/labels';
import type { Finding } from './finding';
import type { Refetch } from './refetch';
import { WantedBlobs } from './wanted';

/** Blobs that images need and that no record has. What is brought may name others: it is looked at again until nothing new is missing. */
export async function* checkImages({
  db,
  content,
  images,
  refetch,
}: {
  readonly db: Database;
  readonly content: ContentStore;
  readonly images: ImageTable;
  readonly refetch: Refetch;
}): AsyncGenerator<Finding> {
  const told = new Set<string>();
  for (let more = true; more;) {
    more = false;
    const wanted = await WantedBlobs.gather(db, content, images);
    for (const [key, blob] of wanted.blobs) {
      const scope = { namespace: blob.namespace };
      const here = content.table.find(scope, blob.digest);
      // What was brought back refers to the rest again, or a collection would take that.
      if (told.has(key) && here !== undefined && lacks(here.labels, blob.labels)) content.setLabels(scope, blob.digest, blob.labels);
      if (told.has(key) || here !== undefined) continue;
      told.add(key);
      more = true;
      yield {
        problem: 'missing',
        object: 'blob',
        id: blob.digest,
        namespace: blob.namespace,
        detail: `image ${blob.image} needs it`,
        repair: () => refetch.fetch(blob),
      };
    }
    for (const [key, { image, why }] of wanted.unreadable) {
      if (told.has(`document ${key}`)) continue;
      told.add(`document ${key}`);
      yield {
        problem: 'dangling',
        object: 'image',
        id: image,
        namespace: key.split(' ')[0] ?? '',
        detail: why,
        repair: () => {
          throw failedPrecondition('its document has the right digest and cannot be read: remove the image');
        },
      };
    }
  }
}

const lacks = (labels: Labels, wanted: Labels): boolean => Object.entries(wanted).some(([name, value]) => labels[name] !== value);
