import { goBool } from '@gantry/dockerfile';
import { atLines } from '@gantry/dockerfile';
import { setWorkdir } from '../instructions/workdir';
import type { Conversion } from './conversion';
import { PATH, splitEnv } from './image';
import type { StageState } from './state';

/** Begins a stage: with the files of the stage it is made from, and with what its image's configuration says. */
export function startStage({ options, target }: Conversion, state: StageState): void {
  state.inherit();
  state.dispatched = true;
  state.platform ??= target;
  const { config } = state;
  const env = config.Env ?? [];
  const hasPath = env.some((entry) => splitEnv(entry)[0] === 'PATH');
  if (!hasPath && state.platform.os !== 'windows') config.Env = [...env, PATH];
  for (const entry of config.Env ?? []) state.setEnv(...splitEnv(entry));
  if (options.hostname !== '') state.hostname = options.hostname;
  try {
    if ((config.WorkingDir ?? '') !== '') setWorkdir(state, config.WorkingDir ?? '');
  } catch (error) {
    throw atLines(error, state.stage.lines);
  }
  if ((config.User ?? '') !== '') state.user = config.User ?? '';
  state.network = options.network;
}

/** Reads what the stage says of the scan of results. */
export function finishStage({ globals }: Conversion, state: StageState): void {
  const enabled = (name: string): boolean => {
    const said = state.buildArgs.findLast(({ key, value }) => key === name && value !== undefined)?.value ?? globals.get(name);
    return said !== undefined && (goBool(said) ?? said.split(',').includes(state.shownName));
  };
  state.scanContext = enabled('BUILDKIT_SBOM_SCAN_CONTEXT');
  state.scanStage = enabled('BUILDKIT_SBOM_SCAN_STAGE');
}
