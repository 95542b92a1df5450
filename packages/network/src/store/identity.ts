import { randomUUID } from 'node:crypto';
import type { NetworkStore } from './database';

const SETTING = 'identity';

/** What no other engine is known by: made once, and kept. */
export function identityOf(store: Pick<NetworkStore, 'setting' | 'saveSetting'>): string {
  const known = store.setting(SETTING);
  if (known !== undefined) return known;
  const identity = randomUUID();
  store.saveSetting(SETTING, identity);
  return identity;
}
