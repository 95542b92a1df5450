import { quoted } from '@gantry/dockerfile';
import { prefixed } from '@gantry/rpc';
import { file } from '../../../llb/write/file';
import { locationOf, shownPlatform } from '../convert/conversion';
import type { Dispatch } from '../convert/dispatch';
import { commit } from '../convert/image';
import { shownCommand, stepName, upperCommand } from '../convert/names';
import { actionPath, isAbsolute, normalizeWorkdir } from '../convert/paths';
import type { StageState } from '../convert/state';
import { ownerOf } from './owner';

export function dispatchWorkdir(at: Dispatch, text: string): void {
  const { conversion, state, command } = at;
  const { lines, text: written } = command.step;
  const given = at.word(text);
  if (!state.workdirSet && !isAbsolute(given, osOf(state)))
    conversion.linter.report(
      'WorkdirRelativePath',
      lines,
      `Relative workdir ${quoted(given)} can have unexpected results if the base image changes`,
    );
  state.workdirSet = true;
  setWorkdir(state, given);
  const { epoch } = conversion.options;
  if (state.cwd !== '/') {
    const lookup = { lookup: (name: string) => state.env.get(name), escape: conversion.escape };
    const name = stepName(state, upperCommand(shownCommand(written, lookup)), shownPlatform(conversion, state.platform));
    // The classic builder leaves it to root.
    const owner = state.user === '' || conversion.input.classic !== undefined ? undefined : ownerOf(state.user);
    state.tree = file(
      state.tree,
      [
        {
          kind: 'mkdir',
          path: actionPath(state.cwd, false),
          mode: 0o755,
          parents: true,
          ...(owner === undefined ? {} : { owner }),
          ...(epoch === undefined ? {} : { time: epoch }),
        },
      ],
      { name, locations: locationOf(conversion, lines) },
    );
  }
  commit(state, `WORKDIR ${state.cwd}`, state.cwd !== '/', epoch);
}

/** Changes the folder that later instructions work in; it is not made. */
export function setWorkdir(state: StageState, path: string): void {
  const { config } = state;
  try {
    config.WorkingDir = normalizeWorkdir(config.WorkingDir ?? '', path, osOf(state));
  } catch (error) {
    throw prefixed(error, 'normalizing workdir');
  }
  state.cwd = osOf(state) === 'windows' ? config.WorkingDir.replaceAll('\\', '/') : config.WorkingDir;
}

const osOf = ({ platform }: StageState): string => platform?.os ?? 'linux';
