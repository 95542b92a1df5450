import type { HistoryItem } from '@gantry/api/gantry/images/v1/images';
import type { Scope } from '../store/namespaced';
import type { CatalogEntry } from './catalog';
import { type DescribeDependencies, layerSizes } from './inspect';
import { shownNames } from './names';

/** The steps that made an image, newest first; those that are no image here are `<missing>`. */
export async function imageHistory(
  { catalog, snapshotter }: DescribeDependencies,
  scope: Scope,
  entry: CatalogEntry,
): Promise<HistoryItem[]> {
  const sizes = layerSizes(snapshotter, scope, entry);
  const { history = [] } = entry.image.config;
  let layer = 0;
  const items = history.map((step): HistoryItem => ({
    id: '<missing>',
    created: BigInt(Math.floor((Date.parse(step.created ?? '') || 0) / 1000)),
    createdBy: step.created_by ?? '',
    tags: [],
    size: BigInt(step.empty_layer === true ? 0 : (sizes[layer++] ?? 0)),
    comment: step.comment ?? '',
  }));
  for (; layer < sizes.length; layer++)
    items.push({ id: '<missing>', created: 0n, createdBy: '', tags: [], size: BigInt(sizes[layer] ?? 0), comment: '' });
  items.reverse();
  // The image itself and those it was made from here have an id: each is the newest of its own steps.
  const entries = await catalog.entries(scope);
  const seen = new Set<string>();
  for (
    let at: CatalogEntry | undefined = entry;
    at !== undefined && !seen.has(at.id);
    at = entries.get(await catalog.parentIdOf(scope, at.image))
  ) {
    seen.add(at.id);
    const step =
      items[items.length - (at === entry ? items.length : Math.max(at.image.config.history?.length ?? 0, at.image.chainIds.length))];
    if (step !== undefined) Object.assign(step, { id: at.id, tags: shownNames(at.records).tags });
  }
  return items;
}
