import { type Definition, OpMetadata } from '@gantry/api/pb/ops';
import { sha256 } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import { PREFERRED_TREES } from '../../../solver/preferred';
import { headOf } from '../request';
import type { SourcedSteps } from './cache-sources';
import type { KnownStep, KnownSteps, LastStep } from './known-steps';
import type { Made } from './plan';
import type { StepImages } from './step-images';

interface Memory {
  readonly ctx: CallContext;
  readonly known: Pick<KnownSteps, 'find'>;
  readonly images: Pick<StepImages, 'has'>;
  readonly sources: SourcedSteps | undefined;
}

/** What a step came to: its configuration, and the name of its tree. */
interface Came {
  readonly made: Made;
  readonly files: string;
}

/** A step that was done before, and whose image is still there: as in a builder whose cache its images are. */
export async function recalled({ ctx, known, images, sources }: Memory, id: string): Promise<KnownStep | undefined> {
  for (const step of (sources ?? known).find(id)) {
    if (!(await images.has(ctx, step.image))) continue;
    sources?.found(step);
    return step;
  }
  return undefined;
}

/** Writes down what a step came to, once it has an image. */
export function noteStep(known: Pick<KnownSteps, 'put'>, { ids, created, tree }: LastStep, image: string): void {
  if (image !== '') for (const id of ids) known.put(id, { created, image, tree });
}

/** The definition with its last step to be done again. */
export const withoutCache = (definition: Definition): Definition => aboutLast(definition, () => ({ ignoreCache: true }));

/** The definition with the trees that its last step is to be, where it was each of them. */
export function preferring(trees: readonly string[]): (definition: Definition) => Definition {
  const said = { [PREFERRED_TREES]: trees.join(' ') };
  return (definition) => aboutLast(definition, ({ description }) => ({ description: { ...description, ...said } }));
}

function aboutLast(definition: Definition, change: (about: OpMetadata) => Partial<OpMetadata>): Definition {
  if (definition.def.length === 0) return definition; // scratch has no steps
  const head = headOf(definition);
  const { [head]: about = OpMetadata.fromPartial({}) } = definition.metadata;
  return { ...definition, metadata: { ...definition.metadata, [head]: { ...about, ...change(about) } } };
}

/** A name for a command, which the configuration has in its history, on what it runs on. */
export const commandId = ({ files }: Pick<Came, 'files'>, { image }: Made): string => sha256(`command\n${files}\n${image.toString()}`);

/** A name for what a step came to, the same for the same. */
export const stepId = ({ made, files }: Came): string => sha256(`${files}\n${made.image.toString()}`);
