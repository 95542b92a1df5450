import { StoreDatabase } from '@gantry/service';
import { schema, type Tables } from './schema';

export type { Tables } from './schema';
/** The builder's one store: a transaction is synchronous and short. */
export type Store = StoreDatabase;

/** Opens `build.db` with the tables of all rooms, and later changes of them. `:memory:` for tests. */
export function openBuildStore(path: string, rooms: readonly Tables[], changes: readonly string[] = []): Store {
  return new StoreDatabase({ path, migrations: schema(rooms, changes), patience: 5000 });
}
