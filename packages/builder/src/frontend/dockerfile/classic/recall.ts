import { type Definition, OpMetadata } from '@gantry/api/pb/ops';
import { sha256 } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import { headOf } from '../request';
import type { KnownStep, KnownSteps, LastStep } from './known-steps';
import type { Made } from './plan';
import type { StepImages } from './step-images';

interface Memory {
  readonly ctx: CallContext;
  readonly known: Pick<KnownSteps, 'find'>;
  readonly images: Pick<StepImages, 'has'>;
}

/** What a step came to: its configuration, and the name of its tree. */
interface Came {
  readonly made: Made;
  readonly files: string;
}

/** A step that was done before, and whose image is still there: as in a builder whose cache its images are. */
export async function recalled({ ctx, known, images }: Memory, id: string): Promise<KnownStep | undefined> {
  for (const step of known.find(id)) if (await images.has(ctx, step.image)) return step;
  return undefined;
}

/** Writes down what a step came to, once it has an image. */
export function noteStep(known: Pick<KnownSteps, 'put'>, { ids, created }: LastStep, image: string): void {
  if (image !== '') for (const id of ids) known.put(id, { created, image });
}

/** The definition with its last step to be done again. */
export function withoutCache(definition: Definition): Definition {
  const head = headOf(definition);
  const { [head]: about = OpMetadata.fromPartial({}) } = definition.metadata;
  return { ...definition, metadata: { ...definition.metadata, [head]: { ...about, ignoreCache: true } } };
}

/** A name for a command, which the configuration has in its history, on what it runs on. */
export const commandId = ({ files }: Pick<Came, 'files'>, { image }: Made): string => sha256(`command\n${files}\n${image.toString()}`);

/** A name for what a step came to, the same for the same. */
export const stepId = ({ made, files }: Came): string => sha256(`${files}\n${made.image.toString()}`);
