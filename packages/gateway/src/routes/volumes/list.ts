import { messageCodec } from '@gantry/docker-api';
import { sendJson } from '../../http/answer';
import { readFilters } from '../../http/filters';
import type { Route } from '../../http/exchange';

export const volumeList: Route = {
  method: 'GET',
  path: '/volumes',
  operation: 'VolumeList',
  async handle(x, engine) {
    const { volumes, warnings } = await engine.volumes.listVolumes(x.ctx, { filters: readFilters(x.query) });
    sendJson(x, 200, {
      Volumes: volumes.map((each) => messageCodec('Volume').write(each, x.version)),
      Warnings: warnings.length === 0 ? null : warnings,
    });
  },
};
