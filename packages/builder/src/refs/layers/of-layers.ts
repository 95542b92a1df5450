import { newRecord } from '../records/record';
import { chainIds, type Digest } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import type { Holds } from '../records/holds';
import { newRecordId, type RecordTable } from '../records/table';
import type { About, LazyLayer, Ref } from '../ref';
import type { Fetchers } from './fetchers';

/** A record a layer, found again by its chain: two images that share layers share records. Nothing is fetched. */
export function refOfLayers(
  { records, holds, fetchers }: { readonly records: RecordTable; readonly holds: Holds; readonly fetchers: Fetchers },
  _ctx: CallContext,
  layers: readonly LazyLayer[],
  { description, type = 'regular' }: About,
): Ref | undefined {
  const chains = chainIds(layers.map(({ diffId }) => diffId as Digest));
  let top: Ref | undefined;
  for (const [at, { blob, diffId, created, fetch, description: own = description }] of layers.entries()) {
    const chain = chains[at] ?? '';
    const known = records.ofChain(chain);
    const id = known?.id ?? newRecordId();
    if (known === undefined)
      records.insert(
        newRecord({
          ...{ id, kind: 'layer', parents: top === undefined ? [] : [top.id], chain, blob, diffId, description: own, type },
          ...(created === undefined ? {} : { created: created.getTime() }),
        }),
      );
    fetchers.tell(id, fetch);
    const next = holds.take(id);
    top?.release();
    top = next;
  }
  return top;
}
