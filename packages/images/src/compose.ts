import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { DiffService } from '@gantry/api/containerd/services/diff/v1/diff';
import { EventsService } from '@gantry/api/containerd/services/events/v1/events';
import { ImagesService } from '@gantry/api/containerd/services/images/v1/images';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { StreamingService } from '@gantry/api/containerd/services/streaming/v1/streaming';
import { TransferService } from '@gantry/api/containerd/services/transfer/v1/transfer';
import { VersionService } from '@gantry/api/containerd/services/version/v1/version';
import { ImagesServiceService, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import { TreesServiceService } from '@gantry/api/gantry/images/v1/trees';
import { TreeProgram } from '@gantry/native';
import { failedPrecondition, StreamBroker, type Logger } from '@gantry/rpc';
import type { Running, ServiceContext } from '@gantry/service';
import { Plugins, withManaged } from '@gantry/service/plugins';
import { goSize } from '@gantry/oci';
import { shownProxies } from '@gantry/registry';
import { assemble } from './assemble';
import { type ImagesConfig, proxySettings } from './config';
import { DiffCreator } from './diff/create';
import { SmallLayers } from './diff/small-layers';
import { ensureChain } from './docker/chain';
import { eventsHandlers } from './events/events-service';
import { repair } from './gc/repair';
import { Puller } from './registry/pull';
import { Pusher } from './registry/push';
import { contentHandlers } from './services/content';
import { diffHandlers } from './services/diff';
import { gantryImageHandlers } from './services/gantry-images';
import { imageHandlers } from './services/images';
import { leaseHandlers } from './services/leases';
import { snapshotHandlers } from './services/snapshots';
import { transferHandlers } from './services/transfer';
import { treeHandlers } from './services/trees';
import { volumeHandlers } from './services/volumes';
import { GraphFetcher } from './transfer/fetch';
import { GraphSender } from './transfer/send';
import { Streams } from './transfer/streams';
import { PluginVolumes } from './volumes/plugin-volumes';
import { Volumes } from './volumes/volumes';

/** The composition root: the only place that constructs anything. */
export function compose(service: ServiceContext<ImagesConfig>): Running<ImagesConfig> {
  const { config, version, logger } = service;
  const parts = assemble(service);
  const {
    db,
    leases,
    exchange,
    images,
    paths,
    content,
    boot,
    native,
    treeTools,
    snapshotters,
    fallback,
    snapshotter,
    trees,
    volumes,
    projects,
    collector,
    applier,
    intake,
    catalog,
    registries,
    proxies,
    checker,
    lock,
  } = parts;
  const shared = { registries, content, catalog, intake, snapshotter, leases, logger };
  const puller = new Puller({ ...shared, parallel: config['max-concurrent-downloads'] });
  const packer = new TreeProgram(parts.binary);
  const pusher = new Pusher({ ...shared, native, parallel: config['max-concurrent-uploads'] });
  const differ = new DiffCreator(content, native, trees, new SmallLayers(packer));
  const broker = new StreamBroker({ runRoot: service.run, id: 'images', logger });
  const server = service.createServer();
  server.addService(VersionService, { version: async () => ({ version, revision: '' }) });
  server.addService(EventsService, eventsHandlers(exchange));
  server.addService(ContentService, contentHandlers(content));
  server.addService(ImagesService, imageHandlers(images, collector));
  server.addService(
    SnapshotsService,
    snapshotHandlers({
      snapshotters,
      fallback,
      ensure: (scope, name) => ensureChain({ catalog, intake, snapshotter, leases }, scope, name),
    }),
  );
  server.addService(DiffService, diffHandlers(applier, differ));
  server.addService(LeasesService, leaseHandlers(leases, collector));
  const streams = new Streams();
  const fetcher = new GraphFetcher({ content, puller, parallel: config['max-concurrent-downloads'] });
  const sender = new GraphSender({ content, parallel: config['max-concurrent-uploads'] });
  server.addService(StreamingService, streams.handlers());
  server.addService(TransferService, transferHandlers({ ...shared, puller, fetcher, sender, streams, snapshotter: snapshotter.name }));
  server.addService(
    ImagesServiceService,
    gantryImageHandlers({
      ...shared,
      fetcher,
      sender,
      collector,
      broker,
      puller,
      pusher,
      volumes,
      differ,
      trees,
      compared: treeTools,
      snapshotters,
      checker,
      data: service.data,
      proxies: shownProxies(proxySettings(config)),
    }),
  );
  server.addService(
    VolumesServiceService,
    volumeHandlers({
      volumes: new Volumes(volumes, new PluginVolumes(new Plugins(withManaged(config.plugins, service.run))), logger),
      snapshotter,
      native,
    }),
  );
  server.addService(TreesServiceService, treeHandlers({ snapshotters, fallback }));
  return {
    async start() {
      lock.take();
      await repair({ db, paths, snapshotters: Object.values(snapshotters), boot, logger });
      await volumes.repair();
      projects.repair();
      if (goSize(config['container-size'], 1024) > 0 && !projects.supported(service.data)) throw noContainerSize(config, service.data);
      await broker.listen();
      await server.listen(service.socket());
      collector.soon();
      tellLimits(logger, config, '');
    },
    async reload(changed) {
      tellLimits(logger, changed, 'Reset ');
      registries.change({ mirrors: changed['registry-mirrors'], insecure: changed['insecure-registries'] });
      for (const each of [puller, fetcher]) each.allow(changed['max-concurrent-downloads']);
      for (const each of [pusher, sender]) each.allow(changed['max-concurrent-uploads']);
    },
    async stop() {
      await server.stop();
      await broker.close();
      collector.stop();
      parts.looks.stop();
      packer.close();
      parts.workers.close();
      registries.close();
      await content.end();
      for (const each of Object.values(snapshotters))
        await each
          .cleanup()
          .catch((error: unknown) => logger.warn({ snapshotter: each.name, err: error }, 'removed snapshots are left to the next start'));
      for (const { connection } of proxies) connection.close();
      await volumes.cleanup();
      db.close();
      lock.release();
    },
  };
}

function noContainerSize(config: ImagesConfig, data: string): Error {
  const size = config['container-size'];
  return failedPrecondition(
    `container-size ${size}: ${data} is on a file system without project quotas; mount xfs with pquota, or ext4 made with -O quota,project with prjquota`,
  );
}

/** In dockerd's words, which its log is searched for. */
function tellLimits(logger: Logger, config: ImagesConfig, again: string): void {
  logger.debug(`${again}Max Concurrent Downloads: ${config['max-concurrent-downloads']}`);
  logger.debug(`${again}Max Concurrent Uploads: ${config['max-concurrent-uploads']}`);
}
