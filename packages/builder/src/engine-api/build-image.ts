import { randomUUID } from 'node:crypto';
import { Builder, type BuildImageRequest, type BuildImageResponse, type BuildServiceService } from '@gantry/api/gantry/build/v1/build';
import { type SolveResponse, type SolveRequest, StatusResponse } from '@gantry/api/moby/buildkit/v1/control';
import { familiarString, parseReference } from '@gantry/oci';
import {
  asGantryError,
  type CallContext,
  cancelled,
  deadlineExceeded,
  derive,
  type Handlers,
  invalidArgument,
  pause,
  type Send,
  type StreamBroker,
} from '@gantry/rpc';
import { validateResources } from '@gantry/spec';
import type { Refs } from '../refs/ref';
import type { SessionRegistry } from '../session/registry';
import type { Services } from '../worker/services';
import type { CacheSources } from '../frontend/dockerfile/classic/cache-sources';
import type { KnownSteps, LastStep } from '../frontend/dockerfile/classic/known-steps';
import type { StepWishes } from '../ops/exec/step-wishes';
import { noteStep } from '../frontend/dockerfile/classic/recall';
import { CLASSIC, type ClassicTeller } from '../frontend/dockerfile/classic/teller';
import { authSession } from './auth-session';
import { ClassicOutput } from './classic-output';
import { keepStep } from './keep-step';
import { classicRequest, classicSolve, stepWishes } from './classic-request';
import { solveRequest, tagged } from './solve-request';
import { tellStep } from './tell-step';
import { dropNameless, noteParent } from './step-images';
import type { UploadedBody, Uploads } from './uploads';
import { withCache } from './with-cache';

type Rpcs = Pick<Handlers<typeof BuildServiceService>, 'buildImage' | 'cancelBuild'>;

export interface ImageBuildParts {
  readonly uploads: Uploads;
  readonly broker: Pick<StreamBroker, 'offer'>;
  readonly sessions: Pick<SessionRegistry, 'hold'>;
  readonly solve: (ctx: CallContext, request: SolveRequest) => Promise<SolveResponse>;
  readonly status: (ctx: CallContext, ref: string, how: { readonly prompt: boolean }) => AsyncIterable<StatusResponse>;
  /** Where the classic frontend finds whom it tells. */
  readonly tellers: Map<string, ClassicTeller>;
  /** Where its commands find what only they can want, by the same name. */
  readonly wishes: Map<string, StepWishes>;
  /** Where the image of the last step of a classic build is noted. */
  readonly known: Pick<KnownSteps, 'put'>;
  readonly services: Pick<Services, 'images' | 'content' | 'events' | 'inStore' | 'engine'>;
  readonly refs: Pick<Refs, 'blobs'>;
  readonly hostGateway: () => Promise<readonly string[]>;
}

interface ClassicBuild {
  readonly request: BuildImageRequest;
  readonly solve: SolveRequest;
  /** What its commands want, if anything that a solve cannot ask for. */
  readonly wishes: StepWishes | undefined;
  readonly sources: CacheSources | undefined;
}

/** A build id of this form brings the body for the build whose id follows. */
const BRINGS = 'upload-request:';
/** How long the two requests of such a build wait for each other, milliseconds. */
const MEET_MS = 5000;

/** POST /build and its cancellation. */
export function imageBuilds(parts: ImageBuildParts): Rpcs {
  const running = new Map<string, AbortController>();
  const brought = new Map<string, UploadedBody>();

  /** The body that another request brings; undefined when none comes. */
  async function meet(id: string): Promise<UploadedBody | undefined> {
    for (const end = Date.now() + MEET_MS; Date.now() < end; await pause(20)) {
      const body = brought.get(id);
      if (body !== undefined) return body;
    }
    return undefined;
  }

  async function bring(ctx: CallContext, id: string, send: Send<BuildImageResponse>): Promise<void> {
    const body = parts.uploads.open();
    brought.set(id, body);
    await send({ ticket: parts.broker.offer((stream) => body.receive(stream)) });
    await body.file;
    ctx.signal.throwIfAborted();
  }

  /** The body that is the context, and what the client is told to send it; none for a folder or a URL. */
  async function bodyOf({ remote, buildId }: BuildImageRequest, send: Send<BuildImageResponse>): Promise<UploadedBody | undefined> {
    if (remote === 'upload-request') {
      const body = await meet(buildId);
      if (body === undefined) throw deadlineExceeded(`nobody brought the context of build ${buildId}`);
      return body;
    }
    if (remote !== '') return undefined;
    const body = parts.uploads.open();
    await send({ ticket: parts.broker.offer((stream) => body.receive(stream)) });
    return body;
  }

  /** Solves with the classic frontend, in the classic words. */
  async function classic(
    ctx: CallContext,
    { request, solve, wishes, sources }: ClassicBuild,
    send: Send<BuildImageResponse>,
  ): Promise<void> {
    const output = new ClassicOutput(
      (text) => send({ text }),
      request,
      (imageId) => send({ imageId }),
      tellStep(parts.services, ctx),
      () => void (wishes?.limits !== undefined && validateResources(wishes.limits)),
      keepStep(parts, ctx, request),
    );
    const teller = randomUUID();
    parts.tellers.set(teller, output);
    if (wishes !== undefined) parts.wishes.set(teller, wishes);
    try {
      const { ExporterResponse: told } = await followed(
        parts,
        ctx,
        classicSolve(solve, request, {
          teller,
          ...(wishes === undefined ? {} : { wishes: teller }),
          ...(sources === undefined ? {} : { sources }),
        }),
        (status) => output.take(status),
      );
      const imageId = told['containerimage.digest'] ?? '';
      const names = tagged(request.tags);
      await noteParent(parts.services, ctx, new Map(Object.entries(told)), told['frontend.classic.parent'] ?? '');
      if (names.length > 0) await dropNameless(parts.services, ctx, imageId);
      const last = told['frontend.classic.last'];
      if (last !== undefined) noteStep(parts.known, JSON.parse(last) as LastStep, imageId);
      const short = imageId.slice('sha256:'.length).slice(0, 12);
      await output.text(` ---> ${short}\n`);
      const unused = told['frontend.classic.unused'] ?? '';
      if (unused !== '') await output.text(`[Warning] One or more build-args [${unused}] were not consumed\n`);
      await send({ imageId });
      await output.text(`Successfully built ${short}\n`);
      for (const tag of names) await output.text(`Successfully tagged ${familiarString(parseReference(tag))}\n`);
    } finally {
      await output.settled();
      parts.tellers.delete(teller);
      parts.wishes.delete(teller);
    }
  }

  async function build(ctx: CallContext, asked: BuildImageRequest, send: Send<BuildImageResponse>): Promise<void> {
    const isClassic = asked.builder === Builder.BUILDER_CLASSIC;
    const { request, sources } = isClassic
      ? await withCache(parts.services, ctx, classicRequest(asked))
      : { request: asked, sources: undefined };
    const { remote } = request;
    const hostGateway = request.extraHosts.some((host) => host.endsWith(':host-gateway')) ? await parts.hostGateway() : [];
    const ref = randomUUID().replaceAll('-', '');
    const over = Promise.withResolvers<void>();
    const own = request.session === '' && Object.keys(request.auths).length > 0 ? authSession(request.auths, over.promise) : undefined;
    const release = own === undefined ? undefined : parts.sessions.hold(own);
    let body: UploadedBody | undefined;
    try {
      // what is wrong with the request is told before its body is read
      const place = { ref, session: own?.id ?? request.session, hostGateway };
      solveRequest(request, { ...place, context: undefined });
      body = await bodyOf(request, send);
      const context = body?.url ?? (remote === 'client-session' ? undefined : remote);
      const solve = solveRequest(request, { ...place, context });
      if (isClassic) return await classic(ctx, { request, solve, wishes: stepWishes(asked), sources }, send);
      const { ExporterResponse } = await followed(parts, ctx, solve, (status) =>
        send({ trace: Buffer.from(StatusResponse.encode(status).finish()) }),
      );
      const imageId = ExporterResponse['containerimage.digest'];
      if (imageId !== undefined) await send({ imageId });
    } finally {
      release?.();
      over.resolve();
      await body?.discard();
    }
  }

  return {
    async buildImage(caller, request, send) {
      const { buildId } = request;
      if (buildId.startsWith(BRINGS)) return bring(caller, buildId.slice(BRINGS.length), send);
      if (request.builder === Builder.BUILDER_UNSPECIFIED) throw invalidArgument('a build names its builder');
      const cancel = new AbortController();
      if (buildId !== '') running.set(buildId, cancel);
      try {
        await build(derive(caller, { signal: AbortSignal.any([caller.signal, cancel.signal]) }), request, send);
      } finally {
        brought.delete(buildId);
        if (running.get(buildId) === cancel) running.delete(buildId);
      }
    },
    async cancelBuild(_ctx, { buildId }) {
      running.get(buildId)?.abort(cancelled(`build ${buildId} was cancelled`));
      return {};
    },
  };
}

/** Solves, and passes on what is told of it until all is told. */
async function followed(
  parts: Pick<ImageBuildParts, 'solve' | 'status'>,
  ctx: CallContext,
  request: SolveRequest,
  tell: (status: StatusResponse) => Promise<void>,
): Promise<SolveResponse> {
  const failed = new AbortController();
  const watch = derive(ctx, { signal: AbortSignal.any([ctx.signal, failed.signal]) });
  const telling = (async () => {
    // The classic builder goes on when it was told of a step's end.
    for await (const status of parts.status(watch, request.Ref, { prompt: request.Frontend === CLASSIC })) await tell(status);
  })();
  telling.catch(() => undefined);
  let response: SolveResponse;
  try {
    response = await parts.solve(ctx, request);
  } catch (error) {
    await telling.catch(() => undefined);
    throw error;
  } finally {
    if (ctx.signal.aborted) failed.abort(asGantryError(ctx.signal.reason));
  }
  await telling;
  return response;
}
