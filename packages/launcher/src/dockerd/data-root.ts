import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { failedPrecondition } from '@gantry/rpc';

/** What only a dockerd has below its data root, of any version. Its engine-id is none: who moves a host's identity over puts it there. */
const MARKS = ['image', 'buildkit', 'containers', 'network/files', 'volumes/metadata.db', 'swarm', 'plugins', 'trust', 'containerd/daemon'];

/** Refuses a data root that a dockerd wrote, before anything in it is touched: neither could read what the other has. */
export function refuseForeignRoot(root: string): void {
  const mark = MARKS.find((name) => isThere(join(root, name)));
  if (mark === undefined) return;
  throw failedPrecondition(
    `the data root ${root} was written by dockerd (it holds ${mark}) and is left as it is: give Gantry one of its own, as --data-root /var/lib/gantry`,
  );
}

/** A link is ours: `containers` leads to the supervisor's. */
function isThere(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found !== undefined && !found.isSymbolicLink();
}
