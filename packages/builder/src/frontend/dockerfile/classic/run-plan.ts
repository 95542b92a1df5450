import { type Definition, Op } from '@gantry/api/pb/ops';
import { foreignPlatform, type ImageConfig, sha256 } from '@gantry/oci';
import { GantryError } from '@gantry/rpc';
import { execFailureOf, withoutProcess } from '../../../ops/exec/failure';
import type { SessionGroup } from '../../../session/session';
import type { Outcome } from '../../frontend';
import { headOf, type Request, solveTree } from '../request';
import { marshal } from '../../../llb/write/marshal';
import { toPb } from '../platform';
import type { SourcedSteps } from './cache-sources';
import { checkSources } from './check-sources';
import { checkOwner } from './check-owner';
import { checkVolume } from './check-volume';
import type { Dates } from './dates';
import type { KnownStep, KnownSteps, LastStep } from './known-steps';
import { isTrigger, type Made, type Planned } from './plan';
import { commandId, noteStep, preferring, recalled, stepId, withoutCache } from './recall';
import { refuseNew } from './refuse';
import type { StepImages } from './step-images';
import type { ClassicTeller } from './teller';

export interface PlanRun {
  readonly request: Request;
  readonly teller: ClassicTeller;
  readonly known: KnownSteps;
  /** Which of them count, where the build says so. */
  readonly sources: SourcedSteps | undefined;
  readonly images: StepImages;
  readonly sessions: SessionGroup;
  readonly dates: Dates;
  /** Nothing that was made before counts. */
  readonly fresh: boolean;
  readonly context: Made['tree'];
  /** How many steps the file has. */
  readonly total: number;
}

/** What was made so far. */
interface Before {
  readonly made: Made;
  /** Name of the tree, which the same files have again when they come from the cache. */
  readonly files: string;
  /** Everything in this stage was made before. */
  readonly hit: boolean;
  /** Id of the image that it is; empty for scratch, and for the last step, whose image whoever stores it makes. It is made while the next step runs. */
  readonly image: Promise<string>;
  /** What the step will be known by. */
  readonly step: LastStep;
}

export interface PlanOutcome {
  /** Id of the image that the last step is made from. */
  readonly parent: string;
  readonly last: LastStep;
}

const NO_STEP: LastStep = { ids: [], created: '', tree: '' };

/**
 * Does one instruction after the other, and tells of each; `broken` is one behind them that cannot be done. The image of the last is made and told of by whoever stores
 * it.
 */
export async function runPlan(run: PlanRun, plan: readonly Planned[], broken?: string): Promise<PlanOutcome> {
  const telling: Promise<unknown>[] = [];
  try {
    return await runSteps(run, plan, telling, broken);
  } finally {
    await Promise.allSettled(telling);
  }
}

async function runSteps(run: PlanRun, plan: readonly Planned[], telling: Promise<unknown>[], broken?: string): Promise<PlanOutcome> {
  const { teller } = run;
  // Nobody waits for what is told in its order; who needs an image is told why there is none.
  const told = (text: Promise<void>): void => {
    text.catch(() => undefined);
    telling.push(text);
  };
  let number = 0;
  let before: Before | undefined;
  let parent = Promise.resolve('');
  for (const [at, planned] of plan.entries()) {
    if (!isTrigger(planned)) told(announce(run, ++number, planned.text));
    if (planned.kind === 'argument') continue;
    const next = plan[at + 1];
    const last = next === undefined && broken === undefined;
    if (planned.kind === 'stage') {
      const image = (await before?.image) ?? '';
      if (image !== '') await teller.image(image);
      before = await startStage(run, planned);
    } else if (before !== undefined) {
      parent = before.image;
      before = await step(run, planned, before, last);
    }
    if (before === undefined || last || (next !== undefined && isTrigger(next))) continue;
    told(teller.text(before.image.then((image) => ` ---> ${shortId(image)}\n`)));
  }
  await before?.image;
  if (broken !== undefined) await announce(run, number + 1, broken);
  return { parent: await parent, last: before?.step ?? NO_STEP };
}

async function announce({ teller, total }: PlanRun, number: number, text: string): Promise<void> {
  await Promise.all([teller.text(`Step ${number}/${total} : ${text}`), teller.text('\n')]);
}

async function startStage(run: PlanRun, { made, triggers }: Extract<Planned, { readonly kind: 'stage' }>): Promise<Before> {
  run.sources?.reset();
  const { files, outcome } = await filesOf(run, made);
  if (triggers > 0) await run.teller.text(`# Executing ${triggers} build trigger${triggers > 1 ? 's' : ''}\n`);
  const image = baseId(definitionOf(run, made)) ?? (run.sources ?? run.known).find(stepId({ made, files }))[0]?.image ?? '';
  if (image !== '' || outcome === undefined) return { made, files, hit: !run.fresh, image: Promise.resolve(image), step: NO_STEP };
  return { made, files, hit: !run.fresh, image: keep(run, made, outcome, Promise.resolve('')), step: NO_STEP };
}

type Work = Extract<Planned, { readonly kind: 'step' | 'labels' }>;

async function step(run: PlanRun, planned: Work, before: Before, last: boolean): Promise<Before> {
  const { request, teller, known } = run;
  const { made } = planned;
  const name = planned.kind === 'labels' ? 'label' : planned.command.step.instruction.name;
  if (planned.kind === 'step') {
    refuseNew(planned.command.step);
    await checkOwner(request, before.made, planned.command.step);
    await checkVolume(request, before.made, planned.command.step);
  }
  let { files } = before;
  let outcome: Outcome | undefined;
  const changes = before.made.tree !== made.tree;
  const definition = definitionOf(run, made);
  // A command is looked up before it runs, by what it runs on; anything else by what it came to.
  const command = changes && name === 'run' ? commandId(before, made) : undefined;
  const recall = (id: string): Promise<KnownStep | undefined> =>
    before.hit ? recalled({ ctx: request.ctx, known, images: run.images, sources: run.sources }, id) : Promise.resolve(undefined);
  const expected = command === undefined ? undefined : await recall(command);
  const anew = command !== undefined && expected === undefined;
  let former: KnownStep | undefined;
  const foreign = await foreignImage(before.made);
  try {
    if (anew) teller.allow();
    const { cached: hit } = await teller.step({
      vertex: changes ? headOf(definition) : undefined,
      shown: name !== 'copy' && name !== 'add',
      expected: expected !== undefined,
      warnings: foreign === undefined ? [] : [foreign],
      container: () => ({
        ...(name === 'run' ? commandOf(definition) : { command: noCommand(made.image, planned.text), env: undefined }),
        image: before.image,
        config: made.image,
        outcome: name === 'run' ? outcome : undefined,
      }),
      run: async () => {
        if (changes) ({ files, outcome } = await filesOf(run, made, anew));
      },
      known: async () => {
        // What came of a command that had to be done again is another tree.
        if (!anew) former = await recall(stepId({ made, files }));
        return former !== undefined;
      },
    });
    const whole = hit ? former : undefined;
    const created = whole?.created ?? new Date().toISOString();
    run.dates.note(made.image, created);
    const image =
      last || whole !== undefined
        ? Promise.resolve(whole?.image ?? '')
        : keep(run, made, outcome ?? (await solveTree(request, made.tree)).outcome, before.image);
    const ids = [stepId({ made, files }), ...(command === undefined ? [] : [command])];
    const noted = image.then((id) => (noteStep(known, { ids, created, tree: files }, id), id));
    noted.catch(() => undefined); // whoever needs it is told
    return { made, files, hit, image: noted, step: { ids, created, tree: files } };
  } catch (error) {
    if (planned.kind === 'step') await checkSources(run, planned.command.step, made);
    throw inWords(error, definition);
  }
}

/** What docker says of a container of this image where it is for another machine. */
async function foreignImage({ image }: Made): Promise<string | undefined> {
  const { os = '', architecture = '', variant = '' } = JSON.parse(image.toString()) as Partial<ImageConfig>;
  return os === '' || architecture === '' ? undefined : foreignPlatform({ os, architecture, variant });
}

const definitionOf = ({ request }: PlanRun, { tree }: Made): Definition => marshal(tree, { platform: toPb(request.platform) });

const shortId = (image: string): string => image.slice('sha256:'.length).slice(0, 12);

/** One image after the other: each is made from the one before. */
async function keep(
  { request, images, sessions, dates }: PlanRun,
  { image }: Made,
  outcome: Outcome,
  parent: Promise<string>,
): Promise<string> {
  const config = dates.dated(image);
  return images.keep(request.ctx, { outcome, config, parent: await parent, sessions });
}

/** Makes the tree, and gives its name; scratch has neither. `anew` does its last step again, whatever is in the cache. */
async function filesOf(
  { request, sources }: PlanRun,
  { tree }: Made,
  anew = false,
): Promise<{ readonly files: string; readonly outcome: Outcome | undefined }> {
  const change = anew ? withoutCache : sources === undefined ? undefined : preferring(sources.trees());
  const { outcome } = await solveTree(request, tree, {}, change);
  const ref = await outcome.tree(request.ctx);
  ref?.release();
  return ref === undefined ? { files: '', outcome: undefined } : { files: ref.id, outcome };
}

/** The failure of a command as the classic builder says it. */
function inWords(error: unknown, definition: Definition): unknown {
  const failure = execFailureOf(error);
  if (failure === undefined) return withoutProcess(error);
  const { command } = commandOf(definition);
  return new GantryError('unknown', `The command '${command.join(' ')}' returned a non-zero code: ${failure.exitCode}`, { cause: error });
}

/** What a command of its own runs. */
function commandOf(definition: Definition): { readonly command: readonly string[]; readonly env: readonly string[] } {
  const head = headOf(definition);
  const meta = definition.def.filter((bytes) => sha256(bytes) === head).map((bytes) => Op.decode(bytes).exec?.meta);
  return { command: meta.flatMap((one) => one?.args ?? []), env: meta.flatMap((one) => one?.env ?? []) };
}

/** What docker gives the container of an instruction that runs nothing. */
function noCommand(image: Buffer, text: string): readonly string[] {
  const { config } = JSON.parse(image.toString()) as Partial<ImageConfig>;
  return [...(config?.Shell ?? ['/bin/sh', '-c']), '#(nop) ', text];
}

/** The base image's own id, nothing for scratch; undefined for a stage of this file. */
function baseId(definition: Definition): string | undefined {
  if (definition.def.length === 0) return '';
  const head = headOf(definition);
  for (const bytes of definition.def) {
    const found = sha256(bytes) === head ? /@(sha256:[0-9a-f]{64})/.exec(Op.decode(bytes).source?.identifier ?? '') : null;
    if (found?.[1] !== undefined) return found[1];
  }
  return undefined;
}
