import type { Records } from '../../core/records';
import type { Sandboxes } from '../../core/sandboxes';
import { POD_SANDBOXER, SHIM_SANDBOXER } from './controller';

/** What sandboxes of an earlier boot are said to have ended with. */
const REBOOT_CODE = 255;

/** Sandboxes that were ready when the host went down are not any more: their network namespaces are gone. */
export function endSandboxesOfEarlierBoots(
  { records, sandboxes }: { readonly records: Pick<Records, 'namespaces'>; readonly sandboxes: Sandboxes },
  bootId: string,
): void {
  for (const { name } of records.namespaces.list())
    for (const { sandbox, state } of sandboxes.list(name))
      if ([SHIM_SANDBOXER, POD_SANDBOXER].includes(sandbox.sandboxer) && state.phase === 'ready' && state.bootId !== bootId)
        sandboxes.move(name, sandbox.sandboxId, 'stopped', { pid: 0, exitCode: REBOOT_CODE, stoppedAt: new Date().toISOString() });
}
