import type { SaveResponse } from '@gantry/api/gantry/images/v1/images';
import type { StreamBroker } from '@gantry/rpc';
import { itemsToSave, saveArchive, type SaveItem, type SaveWish } from '../archive/save';
import type { ContentStore } from '../content/store';
import type { Catalog } from '../docker/catalog';
import { underLease } from '../docker/operation';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';

interface Needs {
  readonly catalog: Catalog;
  readonly content: ContentStore;
  readonly leases: LeaseTable;
  readonly broker: StreamBroker;
}

/** The archive behind the ticket, and the ids of what is in it. */
export async function save({ catalog, content, leases, broker }: Needs, scope: Scope, wish: SaveWish): Promise<SaveResponse> {
  const items = await itemsToSave(catalog, scope, wish);
  const ticket = broker.offer(async (socket) => {
    await held({ content, leases }, items, () => saveArchive(content, items, socket));
    socket.end();
  });
  return { ticket, imageIds: items.map(({ target }) => target.digest) };
}

/** Does something while all of these images stay, whatever becomes of their names: a lease for each namespace that has some. */
async function held(needs: Pick<Needs, 'content' | 'leases'>, items: readonly SaveItem[], work: () => Promise<void>): Promise<void> {
  const namespace = items[0]?.namespace;
  if (namespace === undefined) return work();
  await underLease(needs.leases, { namespace }, 'save', async (scope) => {
    for (const { image, target } of items.filter((item) => item.namespace === namespace))
      for (const digest of [image.configDigest, image.manifestDigest, target.digest]) needs.content.hold(scope, digest);
    await held(
      needs,
      items.filter((item) => item.namespace !== namespace),
      work,
    );
  });
}
