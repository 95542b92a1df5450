import { atLinesOnly, expand, parseStages, readLines, type Stages } from '@gantry/dockerfile';
import { tryReference } from '@gantry/oci';
import { invalidArgument } from '@gantry/rpc';
import type { Tree } from '../../../llb/write/graph';
import { IgnoreMatcher } from '../../../fsutil/ignore-matcher';
import { checkCasing, checkDescription, checkLine, checkStageNames } from '../lint/stage-checks';
import { addStages } from './add-stages';
import { addCommand, addTriggers, refuseCircles, refuseOwnStage } from './commands';
import type { Conversion, ConvertInput } from './conversion';
import { finishStage, startStage } from './stage';
import { globalArgs, platformArgs } from './globals';
import { usedPaths } from './paths';
import { proxyOf } from './proxy';
import { resolveBases } from './resolve';
import type { StageState } from './state';
import { StageStates } from './states';
import { findTarget, upToTarget } from './target';
import { setPlatform } from './target-platform';
import { dispatch } from './dispatch';

/** Turns a Dockerfile into the graph of its target. Errors: invalidArgument in BuildKit's words, with the lines they are about. */
export async function convert(input: ConvertInput): Promise<StageState> {
  if (input.text === '') throw invalidArgument('the Dockerfile cannot be empty');
  const { options, linter } = input;
  const file = readLines(input.text);
  for (const line of file.emptyContinuations) linter.report('NoEmptyContinuation', { start: line, end: line }, 'Empty continuation line');
  const whole = parseStages(file, {
    before: (line) => checkLine(linter, line),
    after: (line, instruction) => checkDescription(linter, line, instruction),
  });
  const parsed = input.classic === undefined ? whole : upToTarget(whole, options.target);
  const last = parsed.stages.at(-1);
  if (last === undefined) throw invalidArgument('dockerfile contains no stages to build');
  checkStageNames(linter, parsed.stages);
  checkCasing(linter, parsed);
  const platform = input.platform ?? input.buildPlatform;
  const start = platformArgs(input.buildPlatform, platform, options.target === '' ? last.stage : options.target, options.buildArgs);
  checkDefaultBases(input, parsed, start, file.escape);
  const globals = globalArgs(start, parsed.globals, { given: options.buildArgs, escape: file.escape });
  // What of the context is used is known at the end; the classic builder has all of it from the beginning.
  let context: { readonly tree: Tree } | undefined = input.classic === undefined ? undefined : { tree: input.mainContext([], []) };
  const conversion: Conversion = {
    input,
    options,
    linter,
    escape: file.escape,
    states: new StageStates(),
    globals: globals.values,
    target: platform,
    build: input.buildPlatform,
    implicitTarget: input.platform === undefined,
    context: () => context?.tree,
    ignored: new IgnoreMatcher([]),
    proxy: proxyOf(options.buildArgs),
  };
  addStages(conversion, parsed, globals);
  // The client is asked what it ignores while registries are asked for the bases.
  const [target, ignore] = await Promise.all([resolve(conversion), input.ignore()]);
  await build({ ...conversion, ignored: new IgnoreMatcher(ignore) }, target);
  context = { tree: input.mainContext(contextPaths(conversion), ignore) };
  target.state.context = conversion.context;
  return target.state;
}

/** Would the bases still have names if nobody gave arguments? */
function checkDefaultBases(
  { linter }: ConvertInput,
  { stages, globals }: Stages,
  start: ReadonlyMap<string, string>,
  escape: '\\' | '`',
): void {
  let values: ReadonlyMap<string, string>;
  try {
    ({ values } = globalArgs(start, globals, { given: new Map(), escape }));
    for (const { base, lines } of stages)
      if (tryReference(expand(base, { lookup: (name) => values.get(name), escape }).word) === undefined)
        linter.report('InvalidDefaultArgInFrom', lines, `Default value for ARG ${base} results in empty or invalid base image name`);
  } catch {
    // What is wrong with the file is said where the file is read.
  }
}

interface Target {
  readonly state: StageState;
  /** The stages that it needs. */
  readonly needed: ReadonlySet<StageState>;
}

/** Finds out what the target needs, and what that is made from. */
async function resolve(conversion: Conversion): Promise<Target> {
  const { states, options } = conversion;
  const state = findTarget(states, options.target);
  for (const stage of [...states.all]) stage.commands = stage.stage.steps.map((step) => addCommand(conversion, stage, step, false));
  if (conversion.input.classic !== undefined) refuseOwnStage(states.all);
  refuseCircles(states.all);
  const [only, ...others] = states.all;
  if (only !== undefined && others.length === 0) only.shownName = '';
  let needed = await resolveBases(conversion, state);
  // The classic builder does what no other stage needs, too.
  const built = (): ReadonlySet<StageState> => (conversion.input.classic === undefined ? needed : new Set(states.all));
  while (readTriggers(conversion, built())) needed = await resolveBases(conversion, state);
  return { state, needed };
}

/** Turns the instructions of the stages into steps, in the order of the file. */
async function build(conversion: Conversion, { state: target, needed }: Target): Promise<void> {
  const { states, linter, input, options } = conversion;
  for (const state of states.all) {
    if (!input.allStages && (!needed.has(state) || state.dispatched)) continue;
    startStage(conversion, state);
    const watch = state.implicit ? undefined : input.classic;
    watch?.stage(state);
    for (const written of state.commands) {
      watch?.begin(written);
      const command = watch === undefined ? written : await watch.reword(state, written);
      dispatch(conversion, state, command);
      watch?.step(state, command);
    }
    finishStage(conversion, state);
  }
  // All of the target is used, whatever of it others take.
  target.paths.add('/');
  if (options.labels.size > 0) target.config.Labels = { ...target.config.Labels, ...Object.fromEntries(options.labels) };
  linter.finish();
  setPlatform(conversion, target.image);
}

/** Reads the ONBUILD triggers of bases. True when they brought stages that must be resolved, too. */
function readTriggers(conversion: Conversion, built: ReadonlySet<StageState>): boolean {
  let more = false;
  for (const state of built) {
    state.inherit();
    const triggers = [...(state.image.config?.OnBuild ?? [])];
    if (state.base !== undefined && !state.onbuildRead)
      for (const { step } of state.base.commands) if (step.instruction.name === 'onbuild') triggers.push(step.instruction.trigger);
    if (state.base !== undefined) state.onbuildRead = true;
    if (triggers.length === 0) continue;
    try {
      more = addTriggers(conversion, state, triggers) || more;
    } catch (error) {
      throw atLinesOnly(error, state.stage.lines);
    }
    delete state.image.config?.OnBuild;
  }
  return more;
}

function contextPaths({ states }: Conversion): string[] {
  return usedPaths(states.all.flatMap((state) => [...state.contextPaths]));
}
