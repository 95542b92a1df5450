import { danglingName, parentLabel } from '@gantry/oci';
import { type CallContext, derive, internal, isErrorOf } from '@gantry/rpc';
import type { Exporter } from '../exporters/exporter';
import type { StepImage, StepImages } from '../frontend/dockerfile/classic/step-images';
import { LEASE } from '../refs/snapshots';
import type { Services } from '../worker/services';

export interface StepImagesParts {
  readonly services: Pick<Services, 'images' | 'content' | 'inStore'>;
  readonly exporters: readonly Exporter[];
}

/** What an exporter tells of an image of one platform. */
const IMAGE = 'containerimage.digest';
const CONFIG = 'containerimage.config.digest';

/** Images of steps as those of builds are made, without names. */
export function storedStepImages({ services, exporters }: StepImagesParts): StepImages {
  return {
    async keep(ctx, { outcome, config, parent, sessions }: StepImage) {
      const exporter = exporters.find(({ types }) => types.includes('moby'))?.open(new Map(), 0);
      if (exporter === undefined) throw internal('there is no exporter into the image store');
      const told = await exporter.export(ctx, {
        result: { outcomes: new Map([['', outcome]]), metadata: new Map([['containerimage.config', config]]), attestations: new Map() },
        sessions,
        progress: { log: () => undefined, status: () => undefined, warn: () => undefined },
        inlineCache: () => Promise.resolve(undefined),
      });
      await noteParent(services, ctx, told, parent);
      return told.get(IMAGE) ?? '';
    },
    async has(ctx, id) {
      try {
        await services.images.get(services.inStore(ctx), { name: danglingName(id) });
        return true;
      } catch (error) {
        if (!isErrorOf(error, 'notFound')) throw error;
      }
      const { images } = await services.images.list(services.inStore(ctx), { filters: [`target.digest==${id}`] });
      return images.length > 0;
    },
  };
}

/** Writes down which image another was made from, where an exporter told of one. An image that a prune has taken away meanwhile has nothing to note. */
export async function noteParent(
  { content, inStore }: Pick<Services, 'content' | 'inStore'>,
  ctx: CallContext,
  told: ReadonlyMap<string, string>,
  parent: string,
): Promise<void> {
  const digest = told.get(CONFIG);
  if (digest === undefined || parent === '') return;
  const info = { digest, size: 0n, createdAt: undefined, updatedAt: undefined, labels: { [parentLabel]: parent } };
  try {
    await content.update(derive(inStore(ctx), { lease: LEASE }), { info, updateMask: [`labels.${parentLabel}`] });
  } catch (error) {
    if (!isErrorOf(error, 'notFound')) throw error;
  }
}

/** An image that was given a name is no nameless one any more. */
export async function dropNameless({ images, inStore }: Pick<Services, 'images' | 'inStore'>, ctx: CallContext, id: string): Promise<void> {
  try {
    await images.delete(inStore(ctx), { name: danglingName(id), sync: false, target: undefined });
  } catch (error) {
    if (!isErrorOf(error, 'notFound')) throw error;
  }
}
