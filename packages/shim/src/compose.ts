import { join } from 'node:path';
import { MountsService } from '@gantry/api/containerd/services/mounts/v1/mounts';
import { VersionService } from '@gantry/api/containerd/services/version/v1/version';
import { TaskService } from '@gantry/api/containerd/task/v3/shim';
import { EventsServiceService, HoldersServiceService, LogsServiceService, StatsServiceService } from '@gantry/api/gantry/shim/v1/shim';
import type { Running, ServiceContext } from '@gantry/service';
import { composeEngine } from './compose-engine';
import type { ShimConfig } from './config';
import { eventsHandlers } from './events/events-service';
import { taskHandlers } from './grpc/task-handlers';
import { Activations } from './mounts/activations';
import { holdersHandlers } from './holders/holders';
import { mountsHandlers } from './mounts/mounts-service';
import { collectStats } from './tasks/stats';
import { warmUpSoon } from './warm-up';

/** The shim of our own engine: Task v3 over gRPC, and events that stay until they are acknowledged. */
export async function compose(service: ServiceContext<ShimConfig>): Promise<Running> {
  const { engine, start, stop } = await composeEngine(service, join(service.run, 'supervisor.sock'));
  const server = service.createServer();
  server.addService(VersionService, { version: async () => ({ version: service.version, revision: '' }) });
  server.addService(TaskService, taskHandlers(engine), { longCalls: ['wait'] });
  server.addService(EventsServiceService, eventsHandlers(engine.publisher));
  server.addService(MountsService, mountsHandlers(new Activations(join(service.run, 'shim', 'mounts'), engine.rootfs)));
  server.addService(HoldersServiceService, holdersHandlers(join(service.run, 'shim', 'holders'), engine.helper));
  server.addService(LogsServiceService, {
    async reopen(ctx, { id }) {
      await engine.registry.process(ctx.namespace, id, '').reopenLog();
      return {};
    },
  });
  server.addService(StatsServiceService, { collect: async (ctx, { ids }) => ({ tasks: collectStats(engine, ctx.namespace, ids) }) });
  let cool = (): void => undefined;
  return {
    async start() {
      await start();
      await server.listen(service.socket());
      cool = warmUpSoon(service.logger);
    },
    async stop() {
      cool();
      await server.stop();
      await stop();
    },
  };
}
