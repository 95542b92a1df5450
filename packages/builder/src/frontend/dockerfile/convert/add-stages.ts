import type { Stages } from '@gantry/dockerfile';
import { expandBase } from './base';
import type { Conversion } from './conversion';
import type { Globals } from './globals';
import { usedPaths } from './paths';
import { StageOutline } from './stage-outline';
import { StageState } from './state';

/** Sets the stages up: bases with variables put in, and what they are made from. */
export function addStages(conversion: Conversion, { stages }: Stages, { args }: Globals): void {
  const { states, options, input, target } = conversion;
  stages.forEach((stage, index) => {
    const { base, platform, used } = expandBase(conversion, stage, [...args.keys()]);
    const outline = new StageOutline();
    for (const [name, use] of args) outline.args.set(name, use);
    const state = new StageState(stage, outline);
    state.baseName = base;
    state.platform = platform;
    const wish = { platform: platform ?? target, mode: options.resolveMode, paths: () => usedPaths(state.paths) };
    const context = stage.stage === '' ? undefined : input.contexts.find(stage.stage, wish);
    if (context === undefined && stage.stage === '') state.shownName = `stage-${index}`;
    states.add(state);
    if (context !== undefined) {
      state.standIn = context;
      state.base = undefined;
      return;
    }
    for (const name of used) state.outline.used.add(name);
    const makesStep = new Set(['add', 'copy', 'run', 'workdir']);
    const own = stage.steps.filter(({ instruction }) => makesStep.has(instruction.name)).length;
    state.stepCount = own + (base !== 'scratch' && state.base === undefined ? 1 : 0);
    state.ignoreCache = options.ignoresCache(stage.stage);
  });
}
