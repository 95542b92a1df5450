import { expand } from '@gantry/dockerfile';
import { normalizePlatform, parsePlatform, type Platform, platformName } from '../platform';
import type { StageState } from './state';

/** `run --x` → `RUN --x`. */
export function upperCommand(text: string): string {
  return text.replace(/^[^ ]*/, (word) => word.toUpperCase());
}

/** A command for the display: variables are in, where that works. */
export function shownCommand(text: string, options: Parameters<typeof expand>[1]): string {
  try {
    return expand(text, options).word;
  } catch {
    return text;
  }
}

/** The name of a stage's next step, e.g. `[linux/arm64 stage-1 2/5] ` and the command. */
export function stepName(state: StageState, command: string, shownPlatform: Platform | undefined, env = state.env): string {
  if (state.stepCount === 0) return command;
  state.stepAt++;
  const platform = shownPlatform === undefined ? '' : `${platformName(shownPlatform)}${crossTarget(shownPlatform, env)} `;
  const stage = state.shownName === '' ? '' : `${state.shownName} `;
  const at = String(state.stepAt).padStart(String(state.stepCount).length);
  return `[${platform}${stage}${at}/${state.stepCount}] ${state.inOnbuild ? 'ONBUILD ' : ''}${command}`;
}

/** `->arm64` where the stage runs on one platform and builds for another. */
function crossTarget(base: Platform, env: ReadonlyMap<string, string>): string {
  const found = targetOf(env);
  if (found === undefined) return '';
  const target = normalizePlatform({
    ...found,
    os: found.os === '' ? base.os : found.os,
    architecture: found.architecture || base.architecture,
  });
  if (target.os !== base.os) return `->${platformName(target)}`;
  if (target.architecture === base.architecture) return '';
  return `->${target.architecture}${target.variant === undefined ? '' : `/${target.variant}`}`;
}

function targetOf(env: ReadonlyMap<string, string>): Platform | undefined {
  const whole = env.get('TARGETPLATFORM');
  if (whole !== undefined) {
    try {
      return parsePlatform(whole);
    } catch {
      // A value of the file's own that is no platform says nothing.
    }
  }
  const [os, architecture, variant] = ['TARGETOS', 'TARGETARCH', 'TARGETVARIANT'].map((name) => env.get(name));
  if (os === undefined && architecture === undefined && variant === undefined) return undefined;
  return { os: os ?? '', architecture: architecture ?? '', ...(variant === undefined || variant === '' ? {} : { variant }) };
}
