import { exactNumber, messageCodec, writeImageSummary } from '@gantry/docker-api';
import { invalidArgument } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { sizeOf, writeCacheRecord } from './cache-record';
import { cacheUsage, containerUsage, imageUsage, volumeUsage, writeUsage } from './usage';
import type { Exchange, Route } from '../../http/exchange';

const objects = ['container', 'image', 'volume', 'build-cache'];

function wanted(x: Exchange): string[] {
  const types = x.query.all('type');
  for (const type of types) if (!objects.includes(type)) throw invalidArgument(`unknown object type: ${type}`);
  return types;
}

export const systemDataUsage: Route = {
  method: 'GET',
  path: '/system/df',
  operation: 'SystemDataUsage',
  async handle(x, engine) {
    const types = wanted(x);
    const asked = (type: string): boolean => types.length === 0 || types.includes(type);
    const [usage, cache] = await Promise.all([
      engine.system.getDiskUsage(x.ctx, { types }),
      asked('build-cache') ? engine.builder.control.diskUsage(x.ctx, { filter: [], ageLimit: 0n }) : undefined,
    ]);
    const images = usage.images.map((each) => writeImageSummary(each, x.version));
    const containers = usage.containers.map((each) => messageCodec('ContainerSummary').write(each, x.version));
    const volumes = usage.volumes.map((each) => messageCodec('Volume').write(each, x.version));
    const records = cache?.record.map((record) => writeCacheRecord(record, x.version));
    const legacy = {
      LayersSize: exactNumber(usage.layersSize),
      Images: asked('image') ? images : null,
      Containers: asked('container') ? containers : null,
      Volumes: asked('volume') ? volumes : null,
      BuildCache: records ?? null,
      ...(x.version.atLeast('1.42') ? {} : { BuilderSize: exactNumber(sizeOf(cache?.record ?? [])) }),
    };
    if (!x.version.atLeast('1.52')) return sendJson(x, 200, legacy);
    // A client that says `verbose` knows these versions; whatever has none said asks for the newest, and may know but the old ones.
    const verbose = x.query.flag('verbose');
    const items = <T>(list: readonly T[]): readonly T[] | undefined => (verbose ? list : undefined);
    sendJson(x, 200, {
      ...(verbose ? {} : Object.fromEntries(Object.entries(legacy).filter(([, told]) => told !== null && told !== 0))),
      ...(asked('image') ? { ImageUsage: writeUsage(imageUsage(usage.images, usage.layersSize), items(images)) } : {}),
      ...(asked('container') ? { ContainerUsage: writeUsage(containerUsage(usage.containers), items(containers)) } : {}),
      ...(asked('volume') ? { VolumeUsage: writeUsage(volumeUsage(usage.volumes), items(volumes)) } : {}),
      ...(cache === undefined ? {} : { BuildCacheUsage: writeUsage(cacheUsage(cache.record), items(records ?? [])) }),
    });
  },
};
