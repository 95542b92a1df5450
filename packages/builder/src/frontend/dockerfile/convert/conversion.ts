import type { ProxyEnv, SourceInfo } from '@gantry/api/pb/ops';
import type { Escape, Lines } from '@gantry/dockerfile';
import { GantryError, isGantryError } from '@gantry/rpc';
import type { SourceLocation, Tree } from '../../../llb/write/graph';
import type { ResolveMode } from '../../../llb/write/sources';
import type { IgnoreMatcher } from '../../../fsutil/ignore-matcher';
import type { Linter } from '../lint/linter';
import type { Platform } from '../platform';
import type { NamedContexts } from '../ui/named-context';
import type { BuildOptions } from '../ui/options';
import { rangesOf } from './ranges';
import type { Command, StageState } from './state';
import type { StageStates } from './states';

/** Brings the configuration of an image, as its registry or the store has it; `mode` where it is another one than the build's. */
export type ResolveImage = (
  reference: string,
  platform: Platform,
  logName: string,
  mode?: ResolveMode,
) => Promise<{ readonly reference: string; readonly digest: string; readonly config: Buffer }>;

/** What a conversion is given. */
export interface ConvertInput {
  readonly text: string;
  readonly source: SourceInfo;
  readonly options: BuildOptions;
  /** The platform asked for; undefined where none was. */
  readonly platform: Platform | undefined;
  /** What the builder runs on. */
  readonly buildPlatform: Platform;
  readonly contexts: NamedContexts;
  readonly resolveImage: ResolveImage;
  /** Patterns of what the context leaves out. */
  readonly ignore: () => Promise<readonly string[]>;
  /** The build context with the paths in it that are used; none means all. */
  readonly mainContext: (paths: readonly string[], ignore: readonly string[]) => Tree;
  readonly linter: Linter;
  /** All stages are looked at, also those that the target does not need. */
  readonly allStages: boolean;
  /** Set where the file is read as the classic builder reads it. */
  readonly classic?: ClassicWatch | undefined;
}

/** Told of each stage and instruction when it has been turned into steps; of an instruction before, too, which it may put into other words. */
export interface ClassicWatch {
  stage(state: StageState): void;
  begin(command: Command): void;
  reword(state: StageState, command: Command): Promise<Command>;
  step(state: StageState, command: Command): void;
}

/** What all stages of one conversion share. */
export interface Conversion {
  readonly input: ConvertInput;
  readonly options: BuildOptions;
  readonly linter: Linter;
  readonly escape: Escape;
  readonly states: StageStates;
  /** Arguments in front of the first FROM, and those that are always there. */
  readonly globals: ReadonlyMap<string, string>;
  readonly target: Platform;
  readonly build: Platform;
  /** No platform was asked for: that of the base image will do. */
  readonly implicitTarget: boolean;
  /** The build context; known once all stages are read. */
  readonly context: Tree;
  readonly ignored: IgnoreMatcher;
  readonly proxy: ProxyEnv | undefined;
}

/** Where a step stands in the Dockerfile. */
export function locationOf(conversion: Conversion, lines: Lines): readonly SourceLocation[] {
  return [{ source: conversion.input.source, ranges: rangesOf(lines) }];
}

/** The platform for the names of steps, where there are several. */
export function shownPlatform(conversion: Conversion, platform: Platform | undefined): Platform | undefined {
  return conversion.options.multiPlatform ? platform : undefined;
}

/** The same failure, with words behind it. */
export function suffixed(error: unknown, words: string): unknown {
  return words === '' || !isGantryError(error)
    ? error
    : new GantryError(error.kind, `${error.message}${words}`, { cause: error, meta: error.meta });
}
