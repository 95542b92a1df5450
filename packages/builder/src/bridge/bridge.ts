import { randomUUID } from 'node:crypto';
import { Frontend as FrontendDetail } from '@gantry/api/errdefs/errdefs';
import type { Op } from '@gantry/api/pb/ops';
import { sha256 } from '@gantry/oci';
import { asGantryError, type CallContext, GantryError, invalidArgument, withDetail } from '@gantry/rpc';
import { resolvedImage, type Trail } from '../attest/trail';
import type { Frontend, FrontendBridge, FrontendResult, Outcome, SolveWish } from '../frontend/frontend';
import type { PolicyWith } from '../llb/policy';
import { StepTrack, wireWarning } from '../progress/step-track';
import type { Refs } from '../refs/ref';
import type { SessionGroup } from '../session/session';
import type { ImportedKeys, Job } from '../solver';
import type { Source } from '../sources/source';
import { emptiedCaches } from './emptied-caches';
import { readTreeFolder, statTreeFile } from './files';
import { makeOutcome } from './outcomes';
import { resolveImage, resolveSource } from './resolve';
import type { TreeFiles } from './tree-files';

export interface BridgeParts {
  readonly job: Job;
  readonly sessions: SessionGroup;
  readonly frontends: ReadonlyMap<string, Frontend>;
  readonly sources: readonly Source[];
  readonly refs: Pick<Refs, 'withTree' | 'dropCacheTrees'>;
  readonly files: TreeFiles;
  readonly policy: PolicyWith;
  readonly permit: (op: Op) => void;
  readonly permitProcess: FrontendBridge['permit'];
  /** Caches that are named in a solve; what cannot be read is told to the client and holds nothing. */
  readonly imports: (ctx: CallContext, wishes: SolveWish['cacheImports']) => Promise<readonly ImportedKeys[]>;
}

/** What a frontend may ask of the builder, for one build; what it asks goes on the trail. */
export function makeBridge(parts: BridgeParts, trail: Trail): FrontendBridge {
  const { job, refs } = parts;
  const lookInto = async <T>(
    ctx: CallContext,
    outcome: Outcome,
    look: (ref: Awaited<ReturnType<Outcome['tree']>>) => Promise<T>,
  ): Promise<T> => {
    const ref = await outcome.tree(ctx);
    try {
      return await look(ref);
    } finally {
      ref?.release();
    }
  };
  const bridge: FrontendBridge = {
    async resolveSource(ctx, request) {
      const answer = await resolveSource(parts, ctx, request);
      const identifier = answer.Source?.identifier ?? request.Source?.identifier ?? '';
      if (answer.Image !== undefined) trail.images.push(resolvedImage(identifier, answer.Image.Digest, request.Platform));
      return answer;
    },
    resolveImage: (ctx, reference, wish) => resolveImage((asked) => bridge.resolveSource(ctx, asked), { reference, wish }),
    async solve(ctx, wish) {
      const result = await resultOf(parts, trail, ctx, wish);
      if (wish.evaluate) await Promise.all([...result.outcomes.values()].map(async (outcome) => (await outcome.tree(ctx))?.release()));
      return result;
    },
    readFile: (ctx, outcome, path, range) => lookInto(ctx, outcome, (ref) => parts.files.read(ctx, { ref, path, range })),
    readDir: (ctx, outcome, path, include) => lookInto(ctx, outcome, (ref) => readTreeFolder(refs, ctx, { ref, path, include })),
    statFile: (ctx, outcome, path) => lookInto(ctx, outcome, (ref) => statTreeFile(refs, ctx, { ref, path })),
    warn(vertex, warning) {
      const track = job.track(vertex);
      if (track === undefined) job.progress.warning(wireWarning(vertex, warning));
      else track.warn(warning);
    },
    permit: parts.permitProcess,
    note(name) {
      const track = new StepTrack({ digest: sha256(randomUUID()), name, inputs: [], progressGroup: undefined });
      track.join(job.progress);
      track.start();
      track.complete();
    },
  };
  return bridge;
}

const nothing: FrontendResult = { outcomes: new Map(), metadata: new Map(), attestations: new Map() };

async function resultOf(parts: BridgeParts, trail: Trail, ctx: CallContext, wish: SolveWish): Promise<FrontendResult> {
  const { definition, frontend } = wish;
  if (definition !== undefined && definition.def.length > 0) {
    if (frontend !== '') throw invalidArgument('cannot solve with both Definition and Frontend specified');
    const { job, permit } = parts;
    const policy = parts.policy(wish.policies ?? []);
    let begun = false;
    const outcome = makeOutcome(definition, async (asked) => {
      if (!begun) for (const name of emptiedCaches(definition)) parts.refs.dropCacheTrees(name);
      begun = true;
      return job.solve(asked, definition, { policy, permit, imports: await parts.imports(asked, wish.cacheImports) });
    });
    trail.add(outcome);
    return { ...nothing, outcomes: new Map([['', outcome]]) };
  }
  if (frontend === '') return nothing;
  const maker = parts.frontends.get(frontend);
  if (maker === undefined) throw invalidArgument(`invalid frontend: ${frontend}`);
  try {
    return await maker.solve(
      ctx,
      makeBridge(parts, trail.nest({ frontend, options: wish.options })),
      wish.options,
      wish.inputs,
      parts.sessions,
    );
  } catch (thrown) {
    const error = asGantryError(thrown);
    throw withDetail(new GantryError(error.kind, error.message, { cause: error, meta: error.meta }), {
      typeUrl: 'github.com/moby/buildkit/errdefs.Frontend+json',
      value: Buffer.from(JSON.stringify(FrontendDetail.toJSON({ name: frontend, source: wish.options.get('source') ?? '' }))),
    });
  }
}
