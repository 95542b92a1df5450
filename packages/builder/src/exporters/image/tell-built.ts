import { packAny } from '@gantry/api';
import { ImageBuilt } from '@gantry/api/gantry/build/v1/build';
import { familiarString, type ImageConfig, parseJson, parseReference } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import type { FrontendResult } from '../../frontend/frontend';
import type { Services } from '../../worker/services';

/** Tells docker's clients of a new image and of its names, but for those that only keep it in the store. */
export async function tellBuilt(
  { events, inStore }: Pick<Services, 'events' | 'inStore'>,
  ctx: CallContext,
  { id, names, result }: { readonly id: string; readonly names: readonly string[]; readonly result: Pick<FrontendResult, 'metadata'> },
): Promise<void> {
  const built = { id, names: names.filter((name) => !name.includes('@')).map((name) => familiarString(parseReference(name))) };
  await events.publish(inStore(ctx), { topic: '/builder/image', event: packAny(ImageBuilt, { ...built, labels: labelsOf(result) }) });
}

/** Of one image; several platforms have no labels in common that could be told. */
function labelsOf({ metadata }: Pick<FrontendResult, 'metadata'>): Record<string, string> {
  const config = metadata.get('containerimage.config');
  return config === undefined ? {} : { ...(parseJson(config.toString()) as ImageConfig | null)?.config?.Labels };
}
