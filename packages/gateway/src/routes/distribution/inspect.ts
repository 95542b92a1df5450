import { exactNumber } from '@gantry/docker-api';
import { sendJson } from '../../http/answer';
import type { Route } from '../../http/exchange';
import { registryAuth } from '../../http/registry-auth';

export const distributionInspect: Route = {
  method: 'GET',
  path: '/distribution/{name:.*}/json',
  operation: 'DistributionInspect',
  async handle(x, engine) {
    const { distribution } = await engine.images.getDistribution(x.ctx, {
      distribution: { ref: x.params['name'] ?? '', auth: registryAuth(x) },
    });
    const descriptor = distribution?.descriptor;
    sendJson(x, 200, {
      Descriptor: { mediaType: descriptor?.mediaType ?? '', digest: descriptor?.digest ?? '', size: exactNumber(descriptor?.size ?? 0n) },
      Platforms: (distribution?.platforms ?? []).map(({ architecture, os, osVersion, variant }) => ({
        architecture,
        os,
        ...(osVersion === '' ? {} : { 'os.version': osVersion }),
        ...(variant === '' ? {} : { variant }),
      })),
    });
  },
};
