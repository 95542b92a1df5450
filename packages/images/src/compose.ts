import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ContentService } from '@gantry/api/containerd/services/content/v1/content';
import { DiffService } from '@gantry/api/containerd/services/diff/v1/diff';
import { ImagesService } from '@gantry/api/containerd/services/images/v1/images';
import { LeasesService } from '@gantry/api/containerd/services/leases/v1/leases';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { TransferService } from '@gantry/api/containerd/services/transfer/v1/transfer';
import { ImagesServiceService, VolumesServiceService } from '@gantry/api/gantry/images/v1/images';
import { StreamBroker } from '@gantry/rpc';
import type { Running, ServiceContext } from '@gantry/service';
import { type ImagesConfig, nativePath } from './config';
import { bootId, ContentPaths } from './content/paths';
import { ContentStore } from './content/store';
import { DiffApplier } from './diff/apply';
import { DiffCreator } from './diff/create';
import { Catalog } from './docker/catalog';
import { ImageReader } from './docker/image-reader';
import { Collector } from './gc/collector';
import { repair } from './gc/repair';
import { LayerIntake } from './layers/intake';
import { NativeTree } from './layers/native';
import { Puller } from './registry/pull';
import { Pusher } from './registry/push';
import { Registries } from './registry/registries';
import { contentHandlers } from './services/content';
import { diffHandlers } from './services/diff';
import { gantryImageHandlers } from './services/gantry-images';
import { imageHandlers } from './services/images';
import { leaseHandlers } from './services/leases';
import { snapshotHandlers, type Snapshotters } from './services/snapshots';
import { transferHandlers } from './services/transfer';
import { volumeHandlers } from './services/volumes';
import { OverlaySnapshotter, SNAPSHOTTER } from './snapshots/overlay';
import { SnapshotTable } from './snapshots/records';
import { Database } from './store/database';
import { ImageTable } from './store/images';
import { LeaseTable } from './store/leases';
import { VolumeStore } from './volumes/store';

/** The composition root: the only place that constructs anything. */
export function compose(service: ServiceContext<ImagesConfig>): Running {
  const { config, data, logger, version } = service;
  const native = new NativeTree(nativePath(config, __dirname), { maxBytes: config['max-layer-bytes'], maxEntries: config['max-layer-entries'] }, data);
  const removeTree = (path: string): Promise<void> => (existsSync(path) ? native.remove(path) : Promise.resolve());
  const boot = bootId();
  const snapshotRoot = join(data, 'snapshots');
  const db = new Database(join(data, 'metadata.db'));
  const leases = new LeaseTable(db);
  const images = new ImageTable(db);
  const paths = new ContentPaths(join(data, 'content'));
  const content = new ContentStore(db, leases, paths, boot, logger);
  const snapshotter = new OverlaySnapshotter({ root: snapshotRoot, table: new SnapshotTable(db), leases, boot, logger, removeTree });
  const snapshotters = { [SNAPSHOTTER]: snapshotter } satisfies Snapshotters;
  const volumes = new VolumeStore(db, join(data, 'volumes'), logger, removeTree);
  const collector = new Collector(db, content, snapshotter, logger);
  const intake = new LayerIntake(content, snapshotter, native, logger);
  const catalog = new Catalog(images, content, new ImageReader(content));
  const registries = new Registries({ mirrors: config['registry-mirrors'], insecure: config['insecure-registries'] }, logger, version);
  const shared = { registries, content, catalog, intake, snapshotter, leases, logger };
  const puller = new Puller({ ...shared, parallel: config['max-concurrent-downloads'] });
  const pusher = new Pusher({ ...shared, parallel: config['max-concurrent-uploads'] });
  const differ = new DiffCreator(content, native, snapshotRoot);
  const broker = new StreamBroker({ runRoot: service.run, id: 'images', logger });
  const server = service.createServer();
  server.addService(ContentService, contentHandlers(content));
  server.addService(ImagesService, imageHandlers(images, collector));
  server.addService(SnapshotsService, snapshotHandlers(snapshotters, SNAPSHOTTER));
  server.addService(DiffService, diffHandlers(new DiffApplier(content, native, snapshotRoot), differ));
  server.addService(LeasesService, leaseHandlers(leases, collector));
  server.addService(TransferService, transferHandlers());
  server.addService(ImagesServiceService, gantryImageHandlers({ ...shared, collector, broker, puller, pusher, volumes, differ }));
  server.addService(VolumesServiceService, volumeHandlers({ volumes, snapshotter, native }));
  return {
    async start() {
      await repair({ db, paths, snapshotRoot, boot, logger, removeTree });
      await volumes.repair();
      await broker.listen();
      await server.listen(service.socket());
      collector.soon();
    },
    async stop() {
      await server.stop();
      await broker.close();
      collector.stop();
      registries.close();
      await content.flushed();
      await snapshotter.cleanup();
      await volumes.cleanup();
      db.close();
    },
  };
}
