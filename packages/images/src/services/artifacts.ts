import type {
  ListReferrersRequest,
  ListReferrersResponse,
  Progress,
  PullArtifactRequest,
  PullArtifactResponse,
  PushArtifactRequest,
  PushArtifactResponse,
} from '@gantry/api/gantry/images/v1/images';
import { type Descriptor, type Digest, formatReference, parseReference, type Reference, withDefaultTag } from '@gantry/oci';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import { accessOf, documentType, kindOf, type Registries } from '@gantry/registry';
import type { ContentStore } from '../content/store';
import type { Catalog } from '../docker/catalog';
import { wireTarget } from '../docker/inspect';
import { underLease } from '../docker/operation';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import type { GraphFetcher } from '../transfer/fetch';
import { parseNode, storedReferrers } from '../transfer/graph';
import type { Told } from '../transfer/progress';
import type { GraphSender } from '../transfer/send';
import { progress, Throttle } from './progress';
import { Queue } from './queue';

export interface ArtifactDependencies {
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly leases: LeaseTable;
  readonly registries: Registries;
  readonly fetcher: GraphFetcher;
  readonly sender: GraphSender;
}

const nameOf = (reference: Reference): string =>
  formatReference(
    reference.tag !== undefined && reference.digest !== undefined
      ? { domain: reference.domain, path: reference.path, digest: reference.digest }
      : reference,
  );

/** Progress object by object, the stored target last. */
export async function* pullArtifact(
  deps: ArtifactDependencies,
  ctx: CallContext,
  { ref, auth, referrers, name, metadataOnly }: PullArtifactRequest,
): AsyncGenerator<PullArtifactResponse> {
  const reference = withDefaultTag(parseReference(ref));
  if (metadataOnly && ctx.lease === undefined) throw invalidArgument(`${ref}: what has no name needs a lease`);
  const queue = new Queue<PullArtifactResponse>();
  const held = <T>(work: (scope: Scope) => Promise<T>): Promise<T> =>
    metadataOnly ? work(ctx) : underLease(deps.leases, ctx, 'artifact', work);
  const work = held(async (scope) => {
    const { repository, manifest } = await deps.registries.find(reference, accessOf(auth), ctx.signal);
    const tell = teller((line) => queue.push({ progress: line, target: undefined }));
    const descriptor = await deps.fetcher.fetch(scope, repository, manifest, {
      reference,
      platforms: [],
      allMetadata: false,
      manifestLimit: 0,
      unpack: [],
      referrers,
      metadataOnly,
      signal: ctx.signal,
      tell,
    });
    const target = { ...descriptor, annotations: {} };
    if (!metadataOnly) deps.catalog.images.put(scope, name === '' ? nameOf(reference) : name, target, {});
    queue.push({ progress: undefined, target: wireTarget(target) });
  });
  yield* queue.follow(work);
}

/** Progress object by object. */
export async function* pushArtifact(
  deps: ArtifactDependencies,
  ctx: CallContext,
  { ref, auth, referrers }: PushArtifactRequest,
): AsyncGenerator<PushArtifactResponse> {
  const reference = withDefaultTag(parseReference(ref));
  const { target } = deps.catalog.images.get(ctx, nameOf(reference));
  const queue = new Queue<PushArtifactResponse>();
  const work = underLease(deps.leases, ctx, 'artifact', async (scope) => {
    deps.content.hold(scope, target.digest);
    const repository = await deps.registries.forPush(reference, accessOf(auth), ctx.signal);
    const descriptor: Descriptor = { mediaType: target.mediaType, digest: target.digest as Digest, size: target.size };
    await deps.sender.send(scope, repository, descriptor, {
      domain: reference.domain,
      path: reference.path,
      tag: reference.tag ?? '',
      referrers,
      signal: ctx.signal,
      tell: teller((line) => queue.push({ progress: line })),
    });
  });
  yield* queue.follow(work);
}

export async function listReferrers(
  deps: ArtifactDependencies,
  ctx: CallContext,
  request: ListReferrersRequest,
): Promise<ListReferrersResponse> {
  const reference = withDefaultTag(parseReference(request.ref));
  if (!request.stored) {
    const { repository, manifest } = await deps.registries.find(reference, accessOf(request.auth), ctx.signal);
    const found = await repository.referrers(manifest.digest, request.artifactType, ctx.signal);
    return {
      referrers: found.map((each) => ({
        descriptor: wireTarget({ ...each, annotations: each.annotations ?? {} }),
        artifactType: each.artifactType ?? '',
      })),
    };
  }
  const { content, catalog } = deps;
  const digest = reference.digest ?? catalog.images.get(ctx, nameOf(reference)).target.digest;
  const found = await Promise.all(
    storedReferrers(content, ctx, digest).map(async (own) => {
      const bytes = await content.readAll(ctx, own);
      const { descriptor, manifest, index } = parseNode(
        { mediaType: documentType(bytes, '', kindOf(bytes, '', own)), digest: own as Digest, size: bytes.length },
        bytes,
      );
      const annotations = manifest?.annotations ?? index?.annotations ?? {};
      return {
        descriptor: wireTarget({ ...descriptor, annotations }),
        artifactType: manifest?.artifactType ?? index?.artifactType ?? manifest?.config.mediaType ?? '',
      };
    }),
  );
  return { referrers: found.filter(({ artifactType }) => request.artifactType === '' || artifactType === request.artifactType) };
}

function teller(push: (line: Progress) => void): (told: Told) => void {
  const throttle = new Throttle<Told>((told) => push(lineOf(told)));
  return (told) => (told.progress === undefined ? push(lineOf(told)) : throttle.offer(told.name ?? '', told, told.progress === told.total));
}

const lineOf = ({ event, name = '', progress: current = 0, total = 0 }: Told): Progress =>
  progress({ id: name, status: event, current: BigInt(current), total: BigInt(total) });
