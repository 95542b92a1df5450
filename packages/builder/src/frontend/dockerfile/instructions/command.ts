import { type Command, quoted } from '@gantry/dockerfile';
import type { Dispatch } from '../convert/dispatch';
import { commit } from '../convert/image';
import type { StageState } from '../convert/state';

/** Words for the shell of the image. */
export function inShell(state: StageState, text: string): string[] {
  const shell = state.config.Shell ?? [];
  if (shell.length > 0) return [...shell, text];
  return state.image.os === 'windows' ? ['cmd', '/S', '/C', text] : ['/bin/sh', '-c', text];
}

export function dispatchCmd(at: Dispatch, command: Command): void {
  checkOnce(at, 'cmd');
  const words = wordsOf(at, command);
  at.state.config.Cmd = words;
  at.state.config.ArgsEscaped = true;
  commit(at.state, `CMD [${words.map(quoted).join(' ')}]`, false, at.conversion.options.epoch);
}

/** A new entrypoint takes the base image's command away, but not one of this stage. */
export function dispatchEntrypoint(at: Dispatch, command: Command): void {
  const { state } = at;
  checkOnce(at, 'entrypoint');
  const words = wordsOf(at, command);
  state.config.Entrypoint = words;
  if (!state.said.has('cmd')) delete state.config.Cmd;
  commit(state, `ENTRYPOINT [${words.map(quoted).join(' ')}]`, false, at.conversion.options.epoch);
}

export function dispatchShell({ state, conversion }: Dispatch, words: readonly string[]): void {
  state.config.Shell = [...words];
  commit(state, `SHELL [${words.join(' ')}]`, false, conversion.options.epoch);
}

function wordsOf({ state, conversion, command: { step } }: Dispatch, command: Command): string[] {
  if (command.form === 'exec') return [...command.words];
  const message = `JSON arguments recommended for ${step.word} to prevent unintended behavior related to OS signals`;
  if ((state.config.Shell ?? []).length === 0) conversion.linter.report('JSONArgsRecommended', step.lines, message);
  return inShell(state, command.text);
}

/** Of several instructions of a kind the last one counts; the one before is told. */
export function checkOnce({ state, conversion, command: { step } }: Dispatch, name: 'cmd' | 'entrypoint' | 'healthcheck'): void {
  const before = state.said.get(name);
  const message = `Multiple ${step.word} instructions should not be used in the same stage because only the last one will be used`;
  if (before !== undefined) conversion.linter.report('MultipleInstructionsDisallowed', before, message);
  state.said.set(name, step.lines);
}
