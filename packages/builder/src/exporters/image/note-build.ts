import { type CallContext, derive, isErrorOf } from '@gantry/rpc';
import { LEASE } from '../../refs/snapshots';
import type { Services } from '../../worker/services';

/** Docker's label on what was exported, with the build's ref behind it. */
const PREFIX = 'moby/build.ref.';
/** So many of an image that is built again and again, the newest. */
const KEPT = 16;

/** Writes at an image which build made it, for its `Identity`. Nobody waits for the disk: what a power cut takes back is told no more. */
export async function noteBuild(
  { content, inStore }: Pick<Services, 'content' | 'inStore'>,
  ctx: CallContext,
  { id, buildRef }: { readonly id: string; readonly buildRef: string },
): Promise<void> {
  if (buildRef === '') return;
  const store = derive(inStore(ctx), { lease: LEASE });
  const key = `${PREFIX}${buildRef}`;
  const value = JSON.stringify({ createdAt: new Date().toISOString() });
  try {
    const { info } = await content.info(store, { digest: id });
    const builds = Object.entries(info?.labels ?? {}).filter(([name]) => name.startsWith(PREFIX));
    const oldest = builds.toSorted(([, a], [, b]) => (a < b ? -1 : 1)).slice(0, Math.max(0, builds.length - KEPT + 1));
    await content.update(store, {
      info: { digest: id, size: 0n, createdAt: undefined, updatedAt: undefined, labels: { [key]: value } },
      // a label of the mask without a value is taken away
      updateMask: [`labels.${key}`, ...oldest.map(([name]) => `labels.${name}`)],
    });
  } catch (error) {
    if (!isErrorOf(error, 'notFound')) throw error; // a prune was faster
  }
}
