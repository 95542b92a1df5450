import { expand } from '@gantry/dockerfile';
import { within } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';
import { dispatchAdd, dispatchCopy } from '../instructions/copy';
import { dispatchArg } from '../instructions/arg';
import { dispatchCmd, dispatchEntrypoint, dispatchShell } from '../instructions/command';
import { dispatchEnv, dispatchLabel } from '../instructions/env';
import { dispatchExpose } from '../instructions/expose';
import { dispatchHealthcheck } from '../instructions/healthcheck';
import { dispatchMaintainer, dispatchOnbuild, dispatchStopsignal, dispatchUser, dispatchVolume } from '../instructions/metadata';
import { dispatchRun } from '../instructions/run';
import { dispatchWorkdir } from '../instructions/workdir';
import { checkVariables } from '../lint/variable-checks';
import type { Conversion } from './conversion';
import type { Command, StageState } from './state';

/** One instruction of a stage at work. */
export interface Dispatch {
  readonly conversion: Conversion;
  readonly state: StageState;
  readonly command: Command;
  /** A word with the stage's variables put in. */
  readonly word: (text: string) => string;
  /** The content of a here-document with variables put in; quotes in it are only characters. */
  readonly content: (text: string) => string;
}

/** Turns an instruction into steps and configuration. Errors: invalidArgument, with its lines. */
export function dispatch(conversion: Conversion, state: StageState, command: Command): void {
  const expanded = (text: string, more: { readonly plainQuotes?: boolean; readonly escape?: '\\' }): string => {
    const unset = new Set<string>();
    const lookup = (name: string): string | undefined => {
      if (!state.env.has(name)) unset.add(name);
      return state.env.get(name);
    };
    try {
      return expand(text, { lookup, escape: conversion.escape, ...more }).word;
    } finally {
      checkVariables(conversion.linter, state, command.step.lines, unset);
    }
  };
  state.inOnbuild = command.onbuild;
  within(command.step.lines, () =>
    run({
      conversion,
      state,
      command,
      word: (text) => expanded(text, {}),
      content: (text) => expanded(text, { plainQuotes: true, escape: '\\' }),
    }),
  );
}

function run(at: Dispatch): void {
  const { instruction } = at.command.step;
  switch (instruction.name) {
    case 'add':
      return dispatchAdd(at, instruction.add);
    case 'arg':
      return dispatchArg(at, instruction.args);
    case 'cmd':
      return dispatchCmd(at, instruction.command);
    case 'copy':
      return dispatchCopy(at, instruction.copy);
    case 'entrypoint':
      return dispatchEntrypoint(at, instruction.command);
    case 'env':
      return dispatchEnv(at, instruction);
    case 'expose':
      return dispatchExpose(at, instruction.words);
    case 'healthcheck':
      return dispatchHealthcheck(at, instruction.check);
    case 'label':
      return dispatchLabel(at, instruction);
    case 'maintainer':
      return dispatchMaintainer(at, instruction.word);
    case 'onbuild':
      return dispatchOnbuild(at, instruction.trigger);
    case 'run':
      return dispatchRun(at, instruction.run);
    case 'shell':
      return dispatchShell(at, instruction.words);
    case 'stopsignal':
      return dispatchStopsignal(at, instruction.word);
    case 'user':
      return dispatchUser(at, instruction.word);
    case 'volume':
      return dispatchVolume(at, instruction.words);
    case 'workdir':
      return dispatchWorkdir(at, instruction.word);
  }
}

/** The tree that an instruction takes files from; it must be made by then. */
export function sourceTree({ conversion, command }: Dispatch, at: number, refuse: () => string): StageState['tree'] {
  const source = command.sources[at];
  if (source === undefined) return conversion.context;
  if (!source.dispatched) throw invalidArgument(refuse());
  return source.tree;
}
