import { atLines, didYouMean, quoted } from '@gantry/dockerfile';
import {
  formatReference,
  type ImageConfig,
  parseDigest,
  parseJson,
  parseReference,
  platformEquals,
  type Reference,
  runnable,
  withDefaultTag,
} from '@gantry/oci';
import { prefixed } from '@gantry/rpc';
import { image, type ResolveMode } from '../../../llb/write/sources';
import { checkBasePlatform } from '../lint/base-checks';
import { type Platform, platformName, toPb } from '../platform';
import type { LoadedContext } from '../ui/named-context';
import { type Conversion, locationOf, type ResolveImage, shownPlatform, suffixed } from './conversion';
import { emptyImage, splitEnv, versionOf } from './image';
import { stepName } from './names';
import { usedPaths } from './paths';
import type { StageState } from './state';
import { reachable } from './states';

/** Resolves the bases of all stages that the target needs, several at once. Can be called again when new stages came. */
export async function resolveBases(conversion: Conversion, target: StageState): Promise<Set<StageState>> {
  const needed = reachable(target);
  const open = conversion.states.all.filter((state) => state.base === undefined && !state.dispatched && !state.resolved);
  await Promise.all(open.map((state) => resolveBase(conversion, state, conversion.input.allStages || needed.has(state))));
  return needed;
}

async function resolveBase(conversion: Conversion, state: StageState, needed: boolean): Promise<void> {
  state.resolved = needed;
  try {
    if (state.baseName === 'scratch' && state.standIn === undefined) useScratch(conversion, state);
    else await useImage(conversion, state, needed);
  } catch (error) {
    const classicName = conversion.input.classic !== undefined && state.implicit ? state.stage.base : '';
    throw atLines(classicName === '' ? error : prefixed(error, `invalid from flag value ${classicName}`), state.stage.lines);
  } finally {
    // What is no stage of the file has no instructions.
    if (state.implicit) state.dispatched = true;
  }
}

function useScratch({ target, input }: Conversion, state: StageState): void {
  state.tree = undefined;
  state.image = emptyImage(target);
  if (input.classic !== undefined) delete state.config.WorkingDir;
  state.platform = target;
}

async function useImage(conversion: Conversion, state: StageState, needed: boolean): Promise<void> {
  const written = state.baseName;
  const reference = parseBase(written);
  const platform = state.platform ?? conversion.target;
  state.baseName = formatReference(withDefaultTag(reference));
  if (!needed) {
    state.platform = platform;
    return;
  }
  if (state.standIn !== undefined) {
    becomeContext(state, await state.standIn.load());
    return;
  }
  const mode = conversion.options.resolveMode;
  const context = conversion.input.contexts.find(state.baseName, { platform, mode, paths: () => usedPaths(state.paths) });
  if (context !== undefined) {
    const loaded = await context.load();
    useConfig(state, loaded.image ?? emptyImage(platform));
    state.tree = loaded.tree;
    state.platform = platform;
    return;
  }
  await pull(conversion, state, { written, reference, platform });
}

function parseBase(written: string): Reference {
  try {
    return parseReference(written);
  } catch (error) {
    throw prefixed(error, `failed to parse stage name ${quoted(written)}`);
  }
}

/** The stage itself is replaced by a named context: none of its instructions count. */
function becomeContext(state: StageState, { tree, image: config }: LoadedContext): void {
  state.dispatched = true;
  state.tree = tree;
  if (config === undefined) return;
  state.image = config;
  for (const entry of config.config?.Env ?? []) state.setEnv(...splitEnv(entry));
  state.cwd = config.config?.WorkingDir ?? '';
  const { os, architecture, variant } = config;
  if (os !== '' && architecture !== '')
    state.platform = { os, architecture, ...versionOf(config), ...(variant === undefined ? {} : { variant }) };
}

/** Takes a base image's configuration over, but for the time at which that was made. */
function useConfig(state: StageState, config: ImageConfig): void {
  state.baseImage = structuredClone(config);
  delete config.created;
  state.image = config;
}

interface Base {
  /** As the file names it. */
  readonly written: string;
  readonly reference: Reference;
  readonly platform: Platform;
}

async function pull(conversion: Conversion, state: StageState, base: Base): Promise<void> {
  const { input, options, linter } = conversion;
  const shown = options.multiPlatform ? `${platformName(base.platform)} ` : '';
  const logName = `[${shown}internal] load metadata for ${state.baseName}`;
  const ask = (mode?: ResolveMode): ReturnType<ResolveImage> =>
    input.resolveImage(state.baseName, base.platform, logName, mode).catch((error: unknown) => {
      throw suffixed(prefixed(error, base.written), didYouMean(base.written, [...conversion.states.names, ...commonImages()]));
    });
  let found = await ask();
  let config = parseJson(found.config.toString()) as ImageConfig;
  if (isRefusedClassic(conversion, state, base, config)) {
    found = await ask('pull');
    config = parseJson(found.config.toString()) as ImageConfig;
  }
  useConfig(state, config);
  const platform =
    state.platform === undefined && conversion.implicitTarget ? likeImage(config, base.platform, conversion.build) : base.platform;
  const reference = found.reference === formatReference(base.reference) ? base.reference : parseReference(found.reference);
  state.baseName = formatReference({ ...reference, ...(found.digest === '' ? {} : { digest: parseDigest(found.digest) }) });
  state.platform = platform;
  if (!hasLayers(config)) {
    state.tree = undefined;
    return;
  }
  const name = stepName(state, `FROM ${state.baseName}`, shownPlatform(conversion, platform), new Map());
  const description = { 'com.docker.dockerfile.v1.command': state.stage.text };
  const locations = locationOf(conversion, state.stage.lines);
  state.tree = image(state.baseName, { name, description, platform: toPb(platform), locations }, options.resolveMode);
  checkBasePlatform(linter, { written: base.written, lines: state.stage.lines }, platform, config);
}

/** The classic builder takes an image that is here for another platform alone only where nobody said which; else it pulls. */
function isRefusedClassic({ input, implicitTarget }: Conversion, { platform }: StageState, base: Base, config: ImageConfig): boolean {
  const isSaid = platform !== undefined || !implicitTarget;
  return input.classic !== undefined && isSaid && !runnable(base.platform).some((each) => platformEquals(each, config));
}

/** The builder's own platform, where it is the image's and the target's is not. */
function likeImage({ os, architecture }: ImageConfig, target: Platform, build: Platform): Platform {
  if (target.os === os && target.architecture === architecture) return target;
  return build.os === os && build.architecture === architecture ? build : target;
}

function hasLayers({ rootfs, history = [] }: ImageConfig): boolean {
  return (
    ((rootfs as Partial<ImageConfig['rootfs']> | undefined)?.diff_ids?.length ?? 0) > 0 ||
    history.some(({ empty_layer: empty = false }) => !empty)
  );
}

function commonImages(): string[] {
  const names = ['alpine', 'busybox', 'centos', 'debian', 'golang', 'ubuntu', 'fedora'];
  return names.flatMap((name) => [name, `docker.io/library${name}`, `${name}:latest`, `docker.io/library${name}:latest`]);
}
