import { invalidArgument } from '@gantry/rpc';

/** A tag that a client gives beside the repository, empty for none. Errors: invalidArgument in dockerd's words. */
export function checkTag(tag: string): string {
  if (tag !== '' && !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(tag)) throw invalidArgument('invalid tag format');
  return tag;
}
