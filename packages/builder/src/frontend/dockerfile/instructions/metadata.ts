import { isSignal } from '@gantry/dockerfile';
import { invalidArgument } from '@gantry/rpc';
import type { Dispatch } from '../convert/dispatch';
import { commit } from '../convert/image';

export function dispatchMaintainer({ state, conversion }: Dispatch, name: string): void {
  state.image.author = name;
  commit(state, `MAINTAINER ${name}`, false, conversion.options.epoch);
}

/** Kept for whoever builds on this image. */
export function dispatchOnbuild({ state }: Dispatch, trigger: string): void {
  state.config.OnBuild = [...(state.config.OnBuild ?? []), trigger];
}

export function dispatchUser(at: Dispatch, text: string): void {
  const { state, conversion } = at;
  const user = at.word(text);
  state.user = user;
  state.config.User = user;
  commit(state, `USER ${user}`, false, conversion.options.epoch);
}

export function dispatchVolume(at: Dispatch, words: readonly string[]): void {
  const { state, conversion } = at;
  const paths = words.map(at.word);
  if (paths.includes('')) throw invalidArgument('VOLUME specified can not be an empty string');
  state.config.Volumes = { ...state.config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) };
  commit(state, `VOLUME [${paths.join(' ')}]`, false, conversion.options.epoch);
}

export function dispatchStopsignal(at: Dispatch, text: string): void {
  const { state, conversion } = at;
  const signal = at.word(text);
  if (!isSignal(signal)) throw invalidArgument(`invalid signal: ${signal}`);
  state.config.StopSignal = signal;
  commit(state, `STOPSIGNAL ${signal}`, false, conversion.options.epoch);
}
