import type { HistoryItem } from '@gantry/api/gantry/images/v1/images';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Scope } from '../store/namespaced';
import type { CatalogEntry } from './catalog';
import { layerSizes } from './inspect';
import { shownNames } from './names';

/** The steps that made an image, newest first; only the image itself has an id, the steps below are `<missing>`. */
export function imageHistory(snapshotter: RecordedSnapshotter, scope: Scope, entry: CatalogEntry): HistoryItem[] {
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
  const [top] = items;
  if (top !== undefined) {
    top.id = entry.image.id;
    top.tags = shownNames(entry.records).tags;
  }
  return items;
}
