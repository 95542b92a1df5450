import type { Tree } from '../../../llb/write/graph';
import { local } from '../../../llb/write/sources';
import type { FrontendResult, Outcome } from '../../frontend';
import type { ClassicWatch } from '../convert/conversion';
import { convert } from '../convert/convert';
import { imageJson, versionOf } from '../convert/image';
import type { StageState } from '../convert/state';
import { Linter, type OnViolation } from '../lint/linter';
import { normalizePlatform, type Platform, platformName } from '../platform';
import { type Request, solveTree } from '../request';
import type { BuildContext } from './context';
import type { Entry } from './entry';
import { ignorePatterns } from './ignore';
import { imageResolver } from './image-resolver';
import { lintOptionsOf } from './lint-options';
import { localSession } from './local-session';
import type { NamedContexts } from './named-context';
import type { BuildOptions } from './options';
import { scanResults } from './sbom';
import { warn } from './warn';

/** A build with all that was read for it. */
export interface Build {
  readonly request: Request;
  readonly options: BuildOptions;
  readonly context: BuildContext;
  readonly entry: Entry;
  readonly contexts: NamedContexts;
}

export interface ConvertWish {
  readonly platform: Platform | undefined;
  readonly tell: OnViolation | undefined;
  readonly allStages?: boolean;
  readonly classic?: ClassicWatch;
}

/** Makes the converter of a build; what was resolved for one platform or subrequest need not be resolved for the next. */
export function converter(build: Build): (wish: ConvertWish) => Promise<StageState> {
  const { request, options, context, entry, contexts } = build;
  const resolveImage = imageResolver(request, options.resolveMode);
  let patterns: Promise<readonly string[]> | undefined;
  const ignore = (): Promise<readonly string[]> => (patterns ??= ignorePatterns(request, context, entry));
  return ({ platform, tell, allStages = false, classic }) =>
    convert({
      text: entry.text,
      source: entry.source,
      options,
      platform,
      buildPlatform: request.platform,
      contexts,
      resolveImage,
      ignore,
      mainContext: (paths, excludes) => mainContext(build, excludes, paths),
      linter: new Linter(lintOptionsOf(options, entry), tell),
      allStages,
      classic,
    });
}

function mainContext({ request, context }: Build, excludes: readonly string[], followPaths: readonly string[]): Tree {
  const { contextName, tree } = context;
  if (tree !== undefined) return tree;
  const options = { sessionId: localSession(request, contextName), sharedKey: contextName, excludes, followPaths };
  return local(contextName, options, { name: '[internal] load build context' });
}

/** Builds for each platform that was asked for. */
export async function buildResult(build: Build): Promise<FrontendResult> {
  const { request, options } = build;
  const make = converter(build);
  const wanted: readonly (Platform | undefined)[] = options.platforms.length === 0 ? [undefined] : options.platforms;
  const built = await Promise.all(
    wanted.map(async (platform, at) => {
      const target = await make({ platform, tell: at === 0 ? warn(build) : undefined });
      const { outcome } = await solveTree(request, target.tree, { cacheImports: options.cacheImports });
      return {
        target,
        outcome,
        id: platformName(normalizePlatform(platform ?? request.platform)),
        platform: exportPlatform(build, platform, target),
      };
    }),
  );
  const attestations = await scanResults(build, built);
  const outcomes = new Map<string, Outcome>();
  const metadata = new Map<string, Buffer>();
  for (const { target, outcome, id } of built) {
    const suffix = options.multiPlatform ? `/${id}` : '';
    outcomes.set(options.multiPlatform ? id : '', outcome);
    metadata.set(`containerimage.config${suffix}`, imageJson(target.image));
    if (target.baseImage !== undefined) metadata.set(`containerimage.base.config${suffix}`, imageJson(target.baseImage));
  }
  metadata.set(
    'refs.platforms',
    Buffer.from(JSON.stringify({ Platforms: built.map(({ id, platform }) => ({ ID: id, Platform: platform })) })),
  );
  return { outcomes, metadata, attestations };
}

/** The platform of a result; Windows images say which version they are for. */
export function exportPlatform(
  { request }: Pick<Build, 'request'>,
  wanted: Platform | undefined,
  { image }: Pick<StageState, 'image'>,
): Platform {
  const { architecture, os, variant } = normalizePlatform(wanted ?? request.platform);
  const version = versionOf(wanted ?? request.platform);
  const extended = os === 'windows' && image.os === os ? { ...versionOf(image), ...version } : version;
  return { architecture, os, ...extended, ...(variant === undefined ? {} : { variant }) };
}
