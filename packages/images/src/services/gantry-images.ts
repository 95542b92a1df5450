import type { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { familiarString, formatReference, parseReference, withDefaultTag } from '@gantry/oci';
import { type Handlers, invalidArgument, type Logger, type StreamBroker } from '@gantry/rpc';
import { accessOf, type ProxySettings, type Registries } from '@gantry/registry';
import type { LoadDependencies } from '../archive/load';
import type { CommitDependencies } from '../docker/commit';
import { adoptImage } from '../docker/adopt';
import { commitImage } from '../docker/commit';
import { diskUsage } from '../docker/disk-usage';
import { listAttestations } from '../docker/attestations';
import { imageHistory } from '../docker/history';
import { describe } from '../docker/inspect';
import { listImages } from '../docker/list';
import { isDangling, nameToGive, putName } from '../docker/names';
import { underLease } from '../docker/operation';
import { pruneImages } from '../docker/prune';
import { listManifests } from '../docker/manifests';
import { removeImage } from '../docker/remove';
import { removePlatforms } from '../docker/remove-platforms';
import { listChanges } from '../diff/changes';
import type { Collector } from '../gc/collector';
import type { Puller } from '../registry/pull';
import type { Pusher } from '../registry/push';
import type { MountedTrees } from '../diff/mounted-trees';
import type { RecordedSnapshotter } from '../snapshots/recorded';
import type { Trees } from '../snapshots/trees';
import type { VolumeStore } from '../volumes/store';
import { wireVolume } from './volumes';
import type { Checker } from '../check/checker';
import { check } from './check';
import { type ArtifactDependencies, listReferrers, pullArtifact, pushArtifact } from './artifacts';
import { importImage } from './import';
import { load } from './load';
import { platformOf, platformsOf } from './platforms';
import { pull } from './pull';
import { push } from './push';
import { save } from './save';

export interface ImagesDependencies extends LoadDependencies, CommitDependencies, ArtifactDependencies {
  readonly collector: Collector;
  readonly broker: StreamBroker;
  readonly logger: Logger;
  readonly registries: Registries;
  readonly puller: Puller;
  readonly pusher: Pusher;
  readonly volumes: VolumeStore;
  readonly trees: MountedTrees;
  readonly compared: Trees;
  readonly snapshotters: Readonly<Record<string, RecordedSnapshotter>>;
  readonly checker: Checker;
  /** Directory of the store. */
  readonly data: string;
  /** To registries, as they may be shown. */
  readonly proxies: ProxySettings;
}

/** gantry.images.v1.ImagesService. */
export function gantryImageHandlers(deps: ImagesDependencies): Handlers<ImagesServiceService> {
  const { catalog, snapshotter } = deps;
  return {
    resolve: async (ctx, { ref, platform }) => ({
      image: await describe(deps, ctx, await catalog.resolve(ctx, ref, platformOf(platform))),
    }),
    adopt: async (ctx, { ref, platform, from }) => ({
      image: await describe(deps, ctx, await adoptImage(deps, ctx, { ref, platform: platformOf(platform), from })),
    }),
    list: async (ctx, options) => ({ images: await listImages(deps, ctx, options) }),
    listManifests: async (ctx, { ref }) => {
      const entry = await catalog.resolve(ctx, ref);
      const named = catalog.findRecord(ctx, ref);
      return { manifests: await listManifests(deps, ctx, named === undefined ? entry : { ...entry, records: [named] }) };
    },
    listAttestations: async (ctx, { ref, platform, ...options }) => {
      const entry = await catalog.resolve(ctx, ref, platformOf(platform));
      return { attestations: await listAttestations(catalog, ctx, entry, options) };
    },
    history: async (ctx, { ref, platform }) => ({
      items: await imageHistory(deps, ctx, await catalog.resolve(ctx, ref, platformOf(platform))),
    }),
    tag: (ctx, { source, target }) =>
      underLease(deps.leases, ctx, 'tag', async (scope) => {
        const reference = nameToGive(target);
        const { id, records } = await catalog.resolve(scope, source);
        if (reference.digest !== undefined) throw invalidArgument('refusing to create a tag with a digest reference');
        const record = catalog.findRecord(scope, source) ?? records[0];
        if (record === undefined) throw invalidArgument(`image ${id} has no record`);
        putName(catalog.images, scope, formatReference(reference), record.target);
        if (isDangling(record.name) && catalog.images.find(scope, record.name) !== undefined) catalog.images.delete(scope, record.name);
        return { imageId: record.target.digest, familiarName: familiarString(reference) };
      }),
    remove: async (ctx, { ref, force, noPrune, uses, platforms }) => {
      const options = { ref, force, prune: !noPrune, uses };
      return {
        removed: await (platforms.length === 0
          ? removeImage(deps, ctx, options)
          : removePlatforms(deps, ctx, { ...options, platforms: platformsOf(platforms) })),
      };
    },
    prune: (ctx, { filters, uses, names }) => pruneImages(deps, ctx, { filters, uses, names }),
    pull: (ctx, request) => pull(deps, ctx, request),
    push: (ctx, request) => push(deps, ctx, request),
    load: (ctx, request) => load(deps, deps.broker, ctx, request),
    save: (ctx, { platforms, ...wish }) => save(deps, ctx, { ...wish, platforms: platformsOf(platforms) }),
    import: (ctx, request) => importImage(deps, ctx, request),
    commit: async (ctx, request) => commitImage(deps, ctx, request),
    getDiskUsage: async (ctx, { images, volumes }) => {
      const usage = await diskUsage(deps, ctx, images);
      return {
        ...usage,
        volumes: volumes
          ? await Promise.all(
              deps.volumes.list().map(async (volume) => wireVolume(deps.volumes, volume, await deps.volumes.size(volume.name))),
            )
          : [],
      };
    },
    checkAuth: async (_ctx, { auth }) => deps.registries.checkAuth(auth),
    getDistribution: async (ctx, { ref, auth }) => {
      const found = await deps.registries.describe(withDefaultTag(parseReference(ref)), accessOf(auth), ctx.signal);
      return {
        descriptor: { mediaType: found.mediaType, digest: found.digest, size: BigInt(found.size), annotations: {} },
        platforms: found.platforms.map(({ os, architecture, variant = '', 'os.version': osVersion = '' }) => ({
          os,
          architecture,
          variant,
          osVersion,
        })),
      };
    },
    search: async (ctx, { term, limit, auth }) => ({
      results: (await deps.registries.search({ term, limit, auth, signal: ctx.signal })).map(
        ({ starCount, official, automated, ...result }) => ({
          ...result,
          starCount: BigInt(starCount),
          isOfficial: official,
          isAutomated: automated,
        }),
      ),
    }),
    pullArtifact: (ctx, request) => pullArtifact(deps, ctx, request),
    pushArtifact: (ctx, request) => pushArtifact(deps, ctx, request),
    listReferrers: (ctx, request) => listReferrers(deps, ctx, request),
    getChanges: async (ctx, { snapshotKey }) => ({ changes: await listChanges(deps, ctx, snapshotKey) }),
    getInfo: async () => ({
      snapshotter: snapshotter.name,
      snapshotters: Object.keys(deps.snapshotters),
      data: deps.data,
      proxies: deps.proxies,
    }),
    check: (_ctx, request) => check(deps.checker, request),
  };
}
