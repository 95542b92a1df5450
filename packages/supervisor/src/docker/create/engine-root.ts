import { invalidArgument } from '@gantry/rpc';

/** Whether a bind's source is in the engine's folder, or the folder in the source. As docker compares them. */
export const touchesEngine = (source: string, root: string): boolean => source.startsWith(root) || root.startsWith(source);

/**
 * How mounts travel between a bind and its source. A container that held the engine's own mounts privately would keep them from going away:
 * what the host unmounts there goes from the container, too. Throws invalidArgument where something else is asked for.
 */
export function propagationOf(source: string, asked: string, root: string | undefined): string {
  if (root === undefined || !touchesEngine(source, root)) return asked || 'rprivate';
  if (asked === '' || asked === 'rslave' || asked === 'rshared') return asked || 'rslave';
  throw invalidArgument(
    `invalid mount config: must use either propagation mode "rslave" or "rshared" when mount source is within the daemon root, daemon root: "${root}", bind mount source: "${source}", propagation: "${asked}"`,
  );
}
