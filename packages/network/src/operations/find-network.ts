import { invalidArgument, notFound } from '@gantry/rpc';
import type { NetworkRecord } from '../store/record';
import type { Parts } from './parts';

/** A network by full id, name, or unambiguous beginning of an id, in this order. */
export function findNetwork(parts: Parts, ref: string): NetworkRecord {
  const exact = parts.store.network(ref) ?? parts.store.networks().find((network) => network.name === ref);
  if (exact !== undefined) return exact;
  const matches = /^[0-9a-f]+$/.test(ref) ? parts.store.networks().filter((network) => network.id.startsWith(ref)) : [];
  const [only, second] = matches;
  if (second !== undefined) throw invalidArgument(`network ${ref} is ambiguous (${matches.length} matches found based on ID prefix)`);
  if (only === undefined) throw notFound(`network ${ref} not found`);
  return only;
}
