import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SnapshotsService } from '@gantry/api/containerd/services/snapshots/v1/snapshots';
import { locateProgram, TreeProgram } from '@gantry/native';
import { connect } from '@gantry/rpc';
import type { ServiceContext } from '@gantry/service';
import { goSize } from '@gantry/oci';
import { Checker } from './check/checker';
import { Exchange as TreeExchange } from './check/exchange-trees';
import { Refetch } from './check/refetch';
import { defaultSnapshotter, type ImagesConfig, proxySettings } from './config';
import { bootId, ContentPaths } from './content/paths';
import { ContentStore } from './content/store';
import { DiffApplier } from './diff/apply';
import { MountedTrees } from './diff/mounted-trees';
import { PlainTree } from './diff/plain-tree';
import { Catalog } from './docker/catalog';
import { ImageReader } from './docker/image-reader';
import { StackedIntake } from './docker/stacked-intake';
import { Exchange } from './events/exchange';
import { ToldImageTable } from './events/told-images';
import { tellSnapshots } from './events/told-snapshots';
import { Collector } from './gc/collector';
import { LayerIntake } from './layers/intake';
import { NativeTree } from './layers/native';
import { COPY, CopySnapshotter, NATIVE } from './snapshots/copy';
import { LocalTrees } from './snapshots/local-trees';
import { OverlaySnapshotter, SNAPSHOTTER } from './snapshots/overlay';
import { parseProxy, proxyPrefix, ProxySnapshotter } from './snapshots/proxy';
import type { RecordedOptions, RecordedSnapshotter } from './snapshots/recorded';
import { SnapshotTable } from './snapshots/records';
import { Removals } from './snapshots/removals';
import { findLooks, Looker } from '@gantry/linux/looks';
import { Registries } from '@gantry/registry';
import { foreignLooks } from './looks';
import { kernelQuotas } from './projects/kernel-quotas';
import { Projects } from './projects/projects';
import { Trees } from './snapshots/trees';
import { Database } from './store/database';
import { LeaseTable } from './store/leases';
import { StoreLock } from './store/lock';
import { volumesRoot } from './volumes/place';
import { VolumeStore } from './volumes/store';

/** What every part of the service stands on, for serving and for a check of a store that nobody serves. */
export function assemble(service: Pick<ServiceContext<ImagesConfig>, 'config' | 'data' | 'logger' | 'version'>) {
  const { config, data, logger, version } = service;
  const binary = locateProgram('gantry-native', __dirname, config.native);
  const budget = { maxBytes: config['max-layer-bytes'], maxEntries: config['max-layer-entries'] };
  const workers = new TreeProgram(binary);
  const native = new NativeTree(binary, budget, data, workers);
  const removeTree = (path: string): Promise<void> => (existsSync(path) ? native.remove(path) : Promise.resolve());
  const boot = bootId();
  const db = new Database(join(data, 'metadata.db'));
  const leases = new LeaseTable(db);
  const exchange = new Exchange();
  const images = new ToldImageTable(db, exchange);
  const paths = new ContentPaths(join(data, 'content'));
  const content = new ContentStore(db, leases, paths, boot, logger);
  const removals = (): Removals => new Removals({ flush: () => db.flush(), removeTree, logger });
  const local = (root: string): LocalTrees => new LocalTrees({ root, removals: removals(), removeTree });
  const recorded = (name: string): RecordedOptions => ({
    table: new SnapshotTable(db, name),
    leases,
    boot,
    listener: tellSnapshots(exchange, name),
  });
  const places = { overlay: join(data, 'snapshots'), copy: join(data, 'snapshots-copy'), native: join(data, 'snapshots-native') };
  const projects = new Projects({ db, quotas: kernelQuotas, root: dirname(data), logger });
  const treeTools = new Trees(binary);
  const overlay = new OverlaySnapshotter({
    ...recorded(SNAPSHOTTER),
    trees: local(places.overlay),
    large: treeTools,
    projects,
    size: goSize(config['container-size'], 1024),
  });
  const copying = [
    new CopySnapshotter({ ...recorded(COPY), trees: local(places.copy), copier: treeTools }),
    new CopySnapshotter({ ...recorded(NATIVE), trees: local(places.native), copier: treeTools }),
  ];
  const proxies = config['proxy-snapshotters']
    .flatMap((text) => parseProxy(text) ?? [])
    .map(({ name, socket, remote }) => {
      const connection = connect(socket);
      const options = { ...recorded(name), client: connection.client(SnapshotsService), remote, prefix: proxyPrefix(data), logger };
      return { connection, snapshotter: new ProxySnapshotter(options) };
    });
  const foreign = proxies.map((proxy) => proxy.snapshotter);
  const snapshotters = Object.fromEntries([overlay, ...copying, ...foreign].map((each) => [each.name, each as RecordedSnapshotter]));
  const fallback = defaultSnapshotter(config);
  const snapshotter = snapshotters[fallback] ?? overlay;
  const trees = new MountedTrees({
    overlay: places.overlay,
    whole: [places.copy, places.native],
    foreign: (mounts) => foreign.some((proxy) => proxy.gave(mounts)),
  });
  const looks = new Looker(foreignLooks, findLooks('gantry-images-looks', __dirname));
  const volumes = new VolumeStore(db, volumesRoot(data), logger, removeTree, looks, projects);
  const collector = new Collector(db, content, snapshotters, logger);
  const applier = new DiffApplier(content, native, new PlainTree(binary, budget, data, workers), trees);
  const intake =
    snapshotter === overlay
      ? new LayerIntake(content, overlay, native, logger)
      : new StackedIntake(applier, content, overlay, native, logger);
  const catalog = new Catalog(images, content, new ImageReader(content));
  const registries = new Registries(
    {
      mirrors: config['registry-mirrors'],
      insecure: config['insecure-registries'],
      paths: config['registry-config-path'],
      ranges: config['max-ranges-per-download'],
      attempts: config['max-download-attempts'],
      proxies: proxySettings(config),
    },
    logger,
    version,
  );
  const layered = (name: string): boolean => name === SNAPSHOTTER;
  const checker = new Checker({
    db,
    content,
    images,
    leases,
    applier,
    collector,
    compared: treeTools,
    refetch: new Refetch(content, registries),
    exchange: new TreeExchange({ [SNAPSHOTTER]: places.overlay, [COPY]: places.copy, [NATIVE]: places.native }, layered),
    snapshotters: Object.values(snapshotters),
  });
  const lock = new StoreLock(join(data, 'lock'));
  return {
    binary,
    workers,
    db,
    looks,
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
  };
}
