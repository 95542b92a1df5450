import { atLines, expand, type Lines, parseStep, readLines, type Step } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';
import type { Escape } from '@gantry/dockerfile';
import { type Command, StageState } from './state';
import { NOWHERE } from './ranges';
import { StageOutline } from './stage-outline';
import type { StageStates } from './states';

type Where = { readonly states: StageStates; readonly escape: Escape };

/** Finds the stages that an instruction takes files from and makes them dependencies of its stage. */
export function addCommand(where: Where, state: StageState, step: Step, onbuild: boolean): Command {
  const command = { step, sources: sourcesOf(where, step), onbuild };
  for (const source of command.sources) {
    state.deps.set(source, step);
    if (source.implicit && !where.states.all.includes(source)) where.states.add(source);
  }
  return command;
}

function sourcesOf(where: Where, { instruction, lines }: Step): StageState[] {
  if (instruction.name === 'run') return instruction.run.mounts.map(({ from }) => stageOf(where, from === '' ? 'scratch' : from));
  if (instruction.name !== 'copy' || instruction.copy.from === '') return [];
  const { from } = instruction.copy;
  if (expand(from, { lookup: () => undefined, escape: where.escape }).word !== from)
    throw invalidArgument(
      'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
    );
  return [/^[+-]?\d+$/.test(from) ? where.states.at(Number(from)) : stageOf(where, from, lines)];
}

/** The stage of this name, or what else the name stands for. */
function stageOf({ states }: Where, name: string, lines: Lines = NOWHERE): StageState {
  const found = states.named(name);
  if (found !== undefined) return found;
  const base = { base: name, stage: '', platform: undefined, text: '', word: '', comment: '', lines, steps: [] };
  return new StageState(base, new StageOutline(), true);
}

/** Puts the triggers of a base image in front of the stage's own instructions. True when they need other stages. */
export function addTriggers(where: Where, state: StageState, triggers: readonly string[]): boolean {
  const commands = triggers.map((trigger) => addCommand(where, state, parseStep(readLines(trigger), state.stage.lines), true));
  state.commands = [...commands, ...state.commands];
  state.stepCount += commands.length;
  return commands.some(({ sources }) => sources.length > 0);
}

/** COPY --from of the stage that it stands in, in the classic builder's words. */
export function refuseOwnStage(states: readonly StageState[]): void {
  for (const state of states)
    for (const { step, sources } of state.commands)
      if (step.instruction.name === 'copy' && sources.includes(state))
        throw atLines(invalidArgument(`invalid from flag value ${step.instruction.copy.from}: refers to current build stage`), step.lines);
}

/** No stage may need itself. */
export function refuseCircles(states: readonly StageState[]): void {
  const visited = new Set<StageState>();
  const path = new Set<StageState>();
  const visit = (state: StageState, steps: readonly (Step | undefined)[]): readonly (Step | undefined)[] | undefined => {
    if (visited.has(state)) return undefined;
    visited.add(state);
    path.add(state);
    for (const [dep, step] of state.deps) {
      const next = [...steps, step];
      const circle = path.has(dep) ? next : visit(dep, next);
      if (circle !== undefined) return circle;
    }
    path.delete(state);
    return undefined;
  };
  for (const state of states) {
    const circle = visit(state, []);
    if (circle === undefined) continue;
    const error = invalidArgument(`circular dependency detected on stage: ${state.shownName}`);
    for (const step of circle) if (step !== undefined) atLines(error, step.lines);
    throw error;
  }
}
