import type { ImportRequest, ImportResponse, Progress } from '@gantry/api/gantry/images/v1/images';
import { chainIds, type Digest, hostPlatform, type ImageConfig, mediaTypes } from '@gantry/oci';
import { cancelled, type CallContext, type StreamBroker } from '@gantry/rpc';
import type { Registries } from '@gantry/registry';
import type { CommitDependencies } from '../docker/commit';
import { peeled } from '../archive/host-decompress';
import { buildChain } from '../docker/chain';
import { applyChanges } from '../docker/dockerfile-changes';
import { makeImage } from '../docker/make-image';
import { underLease } from '../docker/operation';
import type { Scope } from '../store/namespaced';
import { microsToRfc3339, nowMicros } from '../store/time';
import { platformOf } from './platforms';
import { progress, Throttle } from './progress';
import { Queue } from './queue';

type Dependencies = Omit<CommitDependencies, 'differ'> & {
  readonly broker: StreamBroker;
  readonly registries: Pick<Registries, 'download'>;
};

/** The ticket for the root file system's archive first, the image's id last. */
export async function* importImage(deps: Dependencies, ctx: CallContext, request: ImportRequest): AsyncGenerator<ImportResponse> {
  const queue = new Queue<ImportResponse>();
  applyChanges({}, request.changes); // refused before anything is sent
  if (request.sourceUrl !== '') {
    yield* queue.follow(importFrom(deps, ctx, request, queue));
    return;
  }
  const work = new Promise<void>((resolve, reject) => {
    ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error), { once: true });
    const ticket = deps.broker.offer(
      async (socket) => {
        try {
          const imageId = await underLease(deps.leases, ctx, 'import', (scope) => make(deps, scope, request, socket));
          queue.push({ ticket: undefined, progress: progress({ status: imageId }), imageId });
          socket.end();
          resolve();
        } catch (error) {
          socket.destroy();
          reject(error as Error);
        }
      },
      () => reject(cancelled('nobody sent the archive in time')),
    );
    queue.push({ ticket, progress: undefined, imageId: '' });
  });
  yield* queue.follow(work);
}

/** The archive comes from a web server. */
async function importFrom(deps: Dependencies, ctx: CallContext, request: ImportRequest, queue: Queue<ImportResponse>): Promise<void> {
  const say = (part: Partial<Progress>): void => queue.push({ ticket: undefined, progress: progress(part), imageId: '' });
  // Nothing is said before the server has answered: what it lacks is the call's own failure.
  const { total, body } = await deps.registries.download(request.sourceUrl, ctx.signal);
  say({ status: `Downloading from ${request.sourceUrl}` });
  const throttle = new Throttle<number>((current) => say({ status: 'Importing', current: BigInt(current), total: BigInt(total) }));
  const counted = (async function* () {
    let current = 0;
    for await (const part of body) {
      current += part.length;
      throttle.offer('', current, current === total);
      yield part;
    }
  })();
  const imageId = await underLease(deps.leases, ctx, 'import', (scope) => make(deps, scope, request, counted));
  queue.push({ ticket: undefined, progress: progress({ status: imageId }), imageId });
}

async function make(deps: Dependencies, scope: Scope, request: ImportRequest, source: AsyncIterable<Buffer>): Promise<string> {
  const archive = await peeled(source);
  const layer = await deps.intake.take(scope, { ref: `load-import-${scope.lease ?? ''}`, unpack: true, open: () => archive });
  const platform = platformOf(request.platform) ?? hostPlatform();
  const created = microsToRfc3339(nowMicros());
  const comment = request.message === '' ? `Imported from ${request.sourceUrl === '' ? '-' : request.sourceUrl}` : request.message;
  const config: ImageConfig = {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    config: applyChanges({}, request.changes),
    created,
    history: [{ created, comment }],
    rootfs: { type: 'layers', diff_ids: [layer.diffId as Digest] },
  };
  const mediaType =
    layer.compression === 'gzip'
      ? mediaTypes.dockerLayerGzip
      : layer.compression === 'zstd'
        ? mediaTypes.ociLayerZstd
        : mediaTypes.dockerLayer;
  const layers = [{ mediaType, digest: layer.digest as Digest, size: layer.size }];
  const loose = new Map(layer.loose === undefined ? [] : [[layer.digest, layer.loose]]);
  await buildChain(deps.intake, deps.snapshotter, scope, {
    image: { chainIds: chainIds(config.rootfs.diff_ids), config, manifest: { layers } },
    loose,
  });
  const name = request.repository === '' ? '' : request.tag === '' ? request.repository : `${request.repository}:${request.tag}`;
  const { imageId } = await makeImage(deps, scope, { config, layers, name, parent: '' });
  return imageId;
}
