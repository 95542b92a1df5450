import type { SystemServiceService } from '@gantry/api/gantry/engine/v1/resources';
import type { ImagesServiceService } from '@gantry/api/gantry/images/v1/images';
import { type Handlers, invalidArgument, type ServiceClient } from '@gantry/rpc';
import type { DockerEvents } from '../events';
import { type GuardNeeds, isVerb, judge } from '../scopes';
import { diskUsage, type DiskUsageNeeds } from './disk-usage';
import { streamEvents } from './events';
import { type InfoNeeds, systemInfo } from './info';
import { type Build, systemVersion, type VersionQuestion } from './version';

export interface SystemNeeds extends InfoNeeds, DiskUsageNeeds {
  readonly build: Build;
  readonly guard: GuardNeeds;
  readonly services: Readonly<Record<string, VersionQuestion>>;
  readonly events: DockerEvents;
  readonly images: Pick<ServiceClient<typeof ImagesServiceService>, 'checkAuth' | 'getDiskUsage' | 'getInfo' | 'list'>;
}

/** gantry.engine.v1.SystemService. */
export function systemHandlers(needs: SystemNeeds): Handlers<typeof SystemServiceService> {
  return {
    getInfo: async (ctx) => ({ info: await systemInfo(needs, ctx) }),
    getVersion: async (ctx) => ({ version: await systemVersion(needs.build, needs.services, ctx) }),
    events: (ctx, request) => streamEvents(needs.events, ctx, request),
    auth: (ctx, { auth }) => needs.images.checkAuth(ctx, { auth }),
    getDiskUsage: (ctx, { types }) => diskUsage(needs, ctx, types),
    async authorize(ctx, { verb }) {
      if (!isVerb(verb)) throw invalidArgument(`"${verb}" is no verb`);
      if (ctx.apiSocket !== undefined) judge(needs.guard, ctx, verb, {});
      return {};
    },
  };
}
