import { ImageCreate, ImageDelete, ImageUpdate } from '@gantry/api/containerd/services/images/v1/images';
import type { Database } from '../store/database';
import { type ImageRecord, ImageTable } from '../store/images';
import type { Scope } from '../store/namespaced';
import type { Exchange } from './exchange';

/** The image records, telling every change whoever makes it: containerd's clients, pull, load, commit. */
export class ToldImageTable extends ImageTable {
  constructor(
    db: Database,
    private readonly exchange: Exchange,
  ) {
    super(db);
  }

  override create(...call: Parameters<ImageTable['create']>): ImageRecord {
    const made = super.create(...call);
    this.exchange.publish(call[0].namespace, '/images/create', ImageCreate, { name: made.name, labels: { ...made.labels } });
    return made;
  }

  override update(...call: Parameters<ImageTable['update']>): ImageRecord {
    const made = super.update(...call);
    this.exchange.publish(call[0].namespace, '/images/update', ImageUpdate, { name: made.name, labels: { ...made.labels } });
    return made;
  }

  override delete(scope: Scope, name: string, expected?: string): void {
    super.delete(scope, name, expected);
    this.exchange.publish(scope.namespace, '/images/delete', ImageDelete, { name });
  }
}
