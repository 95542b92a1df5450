import { hostPlatform, type Platform } from '@gantry/oci';
import { invalidArgument, isErrorOf, notFound } from '@gantry/rpc';
import { settled } from '../../../llb/write/graph';
import type { Frontend, FrontendResult } from '../../frontend';
import type { StageState } from '../convert/state';
import { imageJson } from '../convert/image';
import { normalizePlatform, platformName } from '../platform';
import { type Request, solveTree } from '../request';
import { type Build, converter, exportPlatform } from '../ui/build';
import { type BuildContext, findContext } from '../ui/context';
import { type Entry, readEntry } from '../ui/entry';
import { NamedContexts } from '../ui/named-context';
import { readOptions } from '../ui/options';
import { resolvingOnce } from '../ui/resolve-once';
import { CACHE_SOURCES, readCacheSources, SourcedSteps } from './cache-sources';
import { dropIgnored } from './drop-ignored';
import { Dates } from './dates';
import type { KnownSteps } from './known-steps';
import { countSteps, firstStage, frontLines, Plan } from './plan';
import { withMatchedSources } from './matched-sources';
import { type PlanRun, runPlan } from './run-plan';
import { remoteSums } from './remote-sums';
import type { StepImages } from './step-images';
import { type ClassicTellers, TELLER } from './teller';
import { NAMED_ARGS, unusedArgs } from './unused-args';

export interface ClassicParts {
  readonly tellers: ClassicTellers;
  readonly known: KnownSteps;
  readonly images: StepImages;
  readonly platform?: Platform;
}

/** Dockerfiles as the classic builder builds them (`classic.v0`): all stages in their order, one instruction after the other. */
export function makeClassicFrontend({ tellers, known, images, platform = hostPlatform() }: ClassicParts): Frontend {
  return {
    async solve(ctx, bridge, options, inputs, sessions) {
      const teller = tellers.get(options.get(TELLER) ?? '');
      if (teller === undefined) throw invalidArgument('the frontend classic.v0 serves POST /build alone');
      const request = { ctx, bridge: resolvingOnce(bridge), options, inputs, sessionId: sessions.ids[0] ?? '', platform };
      const said = readCacheSources(options.get(CACHE_SOURCES));
      const sources = said === undefined ? undefined : new SourcedSteps(known, said);
      return solve(request, { teller, known, sources, images, sessions, dates: new Dates() });
    },
  };
}

async function solve(
  request: Request,
  own: Pick<PlanRun, 'teller' | 'known' | 'sources' | 'images' | 'sessions' | 'dates'>,
): Promise<FrontendResult> {
  const options = readOptions(request.options);
  const context = await findContext(request);
  const entry = await findEntry(request, context);
  const build: Build = { request, options, context: await dropIgnored(request, context), entry, contexts: new NamedContexts(request) };
  const plan = new Plan(
    (step, env) => withMatchedSources(request, build.context.tree, step, (name) => env.get(name)),
    (step, env) => remoteSums(request, step, (name) => env.get(name)),
  );
  const [platform] = options.platforms;
  const run = { ...own, request, fresh: options.ignoresCache(''), context: build.context.tree, total: 0 };
  let target: StageState;
  try {
    target = await converter(build)({ platform, tell: undefined, allStages: true, classic: plan });
  } catch (error) {
    const broken = plan.broken(entry.text);
    const total = countSteps(entry.text, options);
    if (broken !== undefined) await runPlan({ ...run, total }, broken.lines, broken.text);
    else if (!isErrorOf(error, 'invalidArgument')) await runPlan({ ...run, total }, frontLines(entry.text), firstStage(entry.text));
    throw error;
  }
  const lines = plan.lines(entry.text, target, options.labels);
  const { parent, last } = await runPlan({ ...run, total: countSteps(entry.text, options) }, lines);
  if (settled(target.tree) === undefined && lines.at(-1)?.kind === 'stage') {
    await own.teller.text(' ---> \n');
    throw invalidArgument('No image was generated. Is your Dockerfile empty?');
  }
  const { outcome } = await solveTree(request, target.tree);
  const given = (request.options.get(NAMED_ARGS) ?? '').split(',').filter((name) => name !== '');
  return {
    outcomes: new Map([['', outcome]]),
    metadata: new Map([
      ['containerimage.config', own.dates.dated(imageJson(target.image))],
      ['frontend.classic.parent', Buffer.from(parent)],
      ['frontend.classic.last', Buffer.from(JSON.stringify(last))],
      ['frontend.classic.unused', Buffer.from(unusedArgs(entry.text, given).join(' '))],
      ['refs.platforms', Buffer.from(platformsJson(build, platform, target))],
    ]),
    attestations: new Map(),
  };
}

function platformsJson(build: Build, wanted: Platform | undefined, target: Parameters<typeof exportPlatform>[2]): string {
  const id = platformName(normalizePlatform(wanted ?? build.request.platform));
  return JSON.stringify({ Platforms: [{ ID: id, Platform: exportPlatform(build, wanted, target) }] });
}

async function findEntry(request: Request, context: BuildContext): Promise<Entry> {
  try {
    const entry = await readEntry(request, context);
    if (entry.text === '') throw invalidArgument(`the Dockerfile (${context.filename}) cannot be empty`);
    return entry;
  } catch (error) {
    if (!isErrorOf(error, 'notFound')) throw error;
    throw notFound(`Cannot locate specified Dockerfile: ${context.filename}`, { cause: error });
  }
}
