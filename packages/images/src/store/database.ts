import { StoreDatabase } from '@gantry/service';
import { schema } from './schema';

export type { Row } from '@gantry/service';

/** The service's metadata store. Nothing is awaited inside a transaction, so no lock is ever held over I/O of blobs or trees. */
export class Database extends StoreDatabase {
  constructor(path: string) {
    super({ path, migrations: schema, patience: 5000 });
  }
}
