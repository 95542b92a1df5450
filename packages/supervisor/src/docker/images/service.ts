import type { EngineImagesServiceService } from '@gantry/api/gantry/engine/v1/resources';
import { type ImagesServiceService, ListAttestationsRequest, type PullResponse } from '@gantry/api/gantry/images/v1/images';
import { type CallContext, type Handlers, isErrorOf, type ServiceClient } from '@gantry/rpc';
import type { DockerEvents } from '../events';
import type { DockerRecords } from '../records';
import { checkFilterKeys } from '../filters';
import { looked, takenOver } from './elsewhere';
import { ImageEvents, repositoryOf } from './image-events';
import { takeOverForPush } from './push';
import { imageInspect, imageSummary, ofPlatform } from './shapes';
import { searchFilter } from './search-filter';
import { containersByImage, imageUses } from './uses';

export interface ImagesNeeds {
  readonly images: ServiceClient<typeof ImagesServiceService>;
  readonly records: Pick<DockerRecords, 'listDocker'>;
  readonly events: Pick<DockerEvents, 'emit'>;
  /** Namespace whose images docker takes over; empty: there is none. */
  readonly imagesFrom: string;
}

const LIST_FILTERS = ['before', 'dangling', 'label', 'label!', 'reference', 'since', 'until'];
const SEARCH_FILTERS = ['is-automated', 'is-official', 'stars'];
const PRUNE_FILTERS = ['dangling', 'label', 'label!', 'until'];

/** gantry.engine.v1.EngineImagesService: the images service's work, with what the records know and docker's events. */
export function imagesHandlers({ images, records, events, imagesFrom }: ImagesNeeds): Handlers<typeof EngineImagesServiceService> {
  const told = new ImageEvents(events);

  /** Labels for an event; an image that cannot be found any more has none. */
  const labelsOf = async (ctx: CallContext, ref: string): Promise<Record<string, string>> =>
    (await looked(ctx, imagesFrom, (where) => images.resolve(where, { ref, platform: undefined })).catch(absent))?.image?.labels ?? {};

  return {
    async listImages(ctx, { all, filters, sharedSize, manifests, identity }) {
      checkFilterKeys(filters, LIST_FILTERS);
      const answer = await images.list(ctx, { all, filters, sharedSize });
      const containers = containersByImage(records);
      if (!manifests) return { images: answer.images.map((image) => imageSummary(image, { sharedSize, containers })) };
      const whole = answer.images.map(async (image) =>
        imageSummary(image, {
          sharedSize,
          containers,
          identity,
          manifests: (await images.listManifests(ctx, { ref: image.id })).manifests,
        }),
      );
      return { images: await Promise.all(whole) };
    },
    inspectImage: (caller, { name, platform, manifests }) =>
      looked(caller, imagesFrom, async (ctx) => {
        const { image } = await images.resolve(ctx, { ref: name, platform });
        if (image === undefined) return { image: undefined };
        const listed = manifests ? (await images.listManifests(ctx, { ref: name })).manifests : [];
        return {
          image: imageInspect(platform === undefined ? image : ofPlatform(image), {
            manifests: listed,
            containers: containersByImage(records),
          }),
        };
      }),
    async imageHistory(ctx, { name, platform }) {
      const { items } = await looked(ctx, imagesFrom, (where) => images.history(where, { ref: name, platform }));
      return {
        items: items.map(({ id, created, createdBy, tags, size, comment }) => ({
          Id: id,
          Created: created,
          CreatedBy: createdBy,
          Tags: tags,
          Size: size,
          Comment: comment,
        })),
      };
    },
    async tagImage(ctx, { name, repository, tag }) {
      const target = tag === '' ? repository : `${repository}:${tag}`;
      const { imageId, familiarName } = await takenOver(images, ctx, {
        wanted: { ref: name, platform: undefined, from: imagesFrom },
        action: () => images.tag(ctx, { source: name, target }),
      });
      told.emit('tag', { id: imageId, name: familiarName, labels: await labelsOf(ctx, imageId) });
      return {};
    },
    async removeImage(ctx, { name, force, noPrune, platforms }) {
      const before = (await images.resolve(ctx, { ref: name, platform: undefined }).catch(absent))?.image;
      const { removed } = await images.remove(ctx, { ref: name, force, noPrune, uses: imageUses(records), platforms });
      told.removed(removed, new Map(before === undefined ? [] : [[before.id, before]]));
      return { items: removed.map(({ untagged, deleted }) => ({ Untagged: untagged, Deleted: deleted })) };
    },
    async pruneImages(ctx, { filters }) {
      checkFilterKeys(filters, PRUNE_FILTERS);
      const { images: before } = await images.list(ctx, { all: true, filters: {}, sharedSize: false });
      const names = records.listDocker().map(({ docker }) => docker.config?.Image ?? '');
      const { removed, spaceReclaimed } = await images.prune(ctx, { filters, uses: imageUses(records), names });
      told.removed(removed, new Map(before.map((image) => [image.id, image])));
      told.pruned(spaceReclaimed);
      return { items: removed.map(({ untagged, deleted }) => ({ Untagged: untagged, Deleted: deleted })), spaceReclaimed };
    },
    async *pullImage(ctx, { pull }) {
      if (pull === undefined) return;
      let last: PullResponse | undefined;
      let failed = false;
      for await (const message of images.pull(ctx, pull)) {
        failed ||= (message.progress?.error ?? '') !== '';
        if (message.imageId !== '') last = message;
        if (message.progress !== undefined) yield { progress: message.progress };
      }
      if (last === undefined || failed) return;
      const name = last.familiarName || pull.ref;
      told.emit('pull', { id: name, name: repositoryOf(name), labels: await labelsOf(ctx, last.imageId) });
    },
    async *pushImage(ctx, { push }) {
      if (push === undefined) return;
      await takeOverForPush(images, ctx, push, imagesFrom);
      let failed = false;
      for await (const { progress } of images.push(ctx, push)) {
        failed ||= (progress?.error ?? '') !== '';
        if (progress !== undefined) yield { progress };
      }
      if (!failed) told.emit('push', { id: push.ref, name: repositoryOf(push.ref), labels: await labelsOf(ctx, push.ref) });
    },
    async *loadImages(ctx, { load }) {
      const loaded: string[] = []; // once for each name
      for await (const message of images.load(ctx, load ?? { quiet: false, platforms: [] })) {
        if (message.imageId !== '') loaded.push(message.imageId);
        yield { load: message };
      }
      for (const id of loaded) told.emit('load', { id, name: id, labels: await labelsOf(ctx, id) });
    },
    async saveImages(ctx, { save }) {
      const answer = await images.save(ctx, { refs: [], platforms: [], ...save, from: imagesFrom });
      for (const id of answer.imageIds) told.emit('save', { id, name: id, labels: await labelsOf(ctx, id) });
      return { save: answer };
    },
    async *importImage(ctx, { import: wanted }) {
      if (wanted === undefined) return;
      let made = '';
      for await (const message of images.import(ctx, wanted)) {
        if (message.imageId !== '') made = message.imageId;
        yield { import: message };
      }
      if (made === '') return;
      const labels = await labelsOf(ctx, made);
      if (wanted.repository !== '')
        told.emit('tag', { id: made, name: `${wanted.repository}:${wanted.tag === '' ? 'latest' : wanted.tag}`, labels });
      told.emit('import', { id: made, name: made, labels });
    },
    async searchImages(ctx, { search, filters }) {
      checkFilterKeys(filters, SEARCH_FILTERS);
      const suits = searchFilter(filters);
      const { results } = await images.search(ctx, search ?? { term: '', limit: 0, auth: undefined });
      return { search: { results: results.filter(suits) } };
    },
    async listAttestations(ctx, { attestations }) {
      const wanted = ListAttestationsRequest.create(attestations);
      return { attestations: await looked(ctx, imagesFrom, (where) => images.listAttestations(where, wanted)) };
    },
    async getDistribution(ctx, { distribution }) {
      return { distribution: await images.getDistribution(ctx, distribution ?? { ref: '', auth: undefined }) };
    },
  };
}

/** There is no such image. */
function absent(error: unknown): undefined {
  if (!isErrorOf(error, 'notFound', 'invalidArgument')) throw error;
}
