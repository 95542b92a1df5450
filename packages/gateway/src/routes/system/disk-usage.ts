import { exactNumber, messageCodec, writeImageSummary } from '@gantry/docker-api';
import { invalidArgument } from '@gantry/rpc';
import { sendJson } from '../../http/answer';
import { sizeOf, writeCacheRecord } from './cache-record';
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
    sendJson(x, 200, {
      LayersSize: exactNumber(usage.layersSize),
      Images: asked('image') ? usage.images.map((each) => writeImageSummary(each, x.version)) : null,
      Containers: asked('container') ? usage.containers.map((each) => messageCodec('ContainerSummary').write(each, x.version)) : null,
      Volumes: asked('volume') ? usage.volumes.map((each) => messageCodec('Volume').write(each, x.version)) : null,
      BuildCache: cache === undefined ? null : cache.record.map((record) => writeCacheRecord(record, x.version)),
      ...(x.version.atLeast('1.42') ? {} : { BuilderSize: exactNumber(sizeOf(cache?.record ?? [])) }),
    });
  },
};
