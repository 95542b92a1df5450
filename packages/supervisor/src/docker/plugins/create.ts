import { createHash, randomBytes } from 'node:crypto';
import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';
import { operationLabels } from '@gantry/api';
import { cancelled, type CallContext, GantryError, ignore, prefixed, type StreamBroker, type StreamTicket } from '@gantry/rpc';
import { type Descriptor, familiarString, formatReference, mediaTypes, parseReference, withDefaultTag } from '@gantry/oci';
import { rootfsOf, type Context } from './archive';
import { type Blob, writeBlob } from './blobs';
import { type PluginConfig, readConfig } from './config';
import type { ManagedPlugins } from './plugins';
import { initialSettings, type PluginRecord } from './record';
import { layRootfs, removeRootfs } from './rootfs';

export const PLUGIN_CONFIG = 'application/vnd.docker.plugin.v1+json';

/** The ticket for the archive first; ends when the plugin is there. */
export async function* createPlugin(
  plugins: ManagedPlugins,
  broker: Pick<StreamBroker, 'offer'>,
  caller: CallContext,
  given: string,
): AsyncGenerator<{ readonly ticket: StreamTicket | undefined }> {
  const reference = parse(given);
  if (reference.digest !== undefined) throw new GantryError('internal', 'canonical references are not permitted');
  const tagged = withDefaultTag(reference);
  const name = familiarString(tagged);
  plugins.needs.records.checkName(name);
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => undefined);
  const stop = (): void => done.reject(caller.signal.reason as Error);
  caller.signal.addEventListener('abort', stop, { once: true });
  try {
    const ticket = broker.offer(
      async (socket) => {
        try {
          await underLease(plugins, plugins.inNamespace(caller), (ctx) =>
            take(plugins, ctx, { name, image: formatReference(tagged), source: socket }),
          );
          socket.end();
          done.resolve();
        } catch (error) {
          socket.destroy();
          done.reject(error as Error);
        }
      },
      () => done.reject(cancelled('nobody sent the archive in time')),
    );
    yield { ticket };
    await done.promise;
  } finally {
    caller.signal.removeEventListener('abort', stop);
  }
}

function parse(given: string): ReturnType<typeof parseReference> {
  try {
    return parseReference(given);
  } catch (error) {
    throw prefixed(error, `failed to parse reference ${given}`);
  }
}

/** What is put into the store belongs to a lease until an image keeps it. */
export async function underLease<T>(plugins: ManagedPlugins, ctx: CallContext, work: (ctx: CallContext) => Promise<T>): Promise<T> {
  const { leases } = plugins.needs.stores;
  const id = `gantry-plugin-${randomBytes(8).toString('hex')}`;
  await leases.create(ctx, { id, labels: operationLabels('plugin') });
  try {
    return await work({ ...ctx, lease: id });
  } finally {
    await leases.delete(ctx, { id, sync: false }).catch(ignore('notFound'));
  }
}

async function take(
  plugins: ManagedPlugins,
  ctx: CallContext,
  { name, image, source }: { readonly name: string; readonly image: string; readonly source: AsyncIterable<Buffer> },
): Promise<void> {
  const { content } = plugins.needs.stores;
  const context: Context = {};
  const { layer, diffId } = await writeLayer(plugins, ctx, source, context);
  if (context.config === undefined) throw new GantryError('internal', 'config not found');
  const config: PluginConfig = { ...readConfig(context.config.toString()), rootfs: { diff_ids: [diffId], type: 'layers' } };
  const json = Buffer.from(`${JSON.stringify(config)}\n`);
  const described = { mediaType: PLUGIN_CONFIG, ...(await writeBlob(content, ctx, [json])) } as Descriptor;
  const layers = [{ mediaType: mediaTypes.dockerLayerGzip, ...layer } as Descriptor];
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config: described, layers }));
  const labels = { 'containerd.io/gc.ref.content.config': described.digest, 'containerd.io/gc.ref.content.l.0': layer.digest };
  const written = await writeBlob(content, ctx, [manifest], labels);
  const record = await install(plugins, ctx, { name, image, reference: name, config, manifest: written, layers });
  plugins.event('create', record.id, name);
}

/** The root file system's layer out of the archive, packed. */
async function writeLayer(
  plugins: ManagedPlugins,
  ctx: CallContext,
  source: AsyncIterable<Buffer>,
  context: Context,
): Promise<{ readonly layer: Blob; readonly diffId: string }> {
  const hash = createHash('sha256');
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const part of rootfsOf(source, context)) {
      hash.update(part);
      yield part;
    }
  };
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const packed = createGzip();
  pipeline(hashed, packed, (error) => {
    if (error) failed.reject(error);
  });
  const layer = await Promise.race([writeBlob(plugins.needs.stores.content, ctx, packed), failed.promise]).catch(async (error: unknown) => {
    // Why the archive broke off is told, not that it did.
    throw await Promise.race([failed.promise.catch((first: unknown) => first), Promise.resolve(error)]);
  });
  return { layer, diffId: `sha256:${hash.digest('hex')}` };
}

export interface Installing {
  readonly name: string;
  /** Name of the image that keeps the blobs. */
  readonly image: string;
  readonly reference: string;
  readonly config: PluginConfig;
  readonly manifest: Blob;
  readonly layers: readonly Descriptor[];
}

/** Lays the root file system out and keeps the record; nothing is left when it fails. */
export async function install(plugins: ManagedPlugins, ctx: CallContext, given: Installing): Promise<PluginRecord> {
  const { stores, records } = plugins.needs;
  const { name, image, reference, config, manifest, layers } = given;
  const id = randomBytes(32).toString('hex');
  const wire = layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size: BigInt(size), annotations: {} }));
  const rootfs = await layRootfs(stores, ctx, id, wire);
  try {
    records.checkName(name);
    await keepImage(plugins, ctx, image, manifest);
    const record: PluginRecord = {
      id,
      name,
      reference,
      enabled: false,
      config,
      settings: initialSettings(config),
      manifest: manifest.digest,
      image,
      rootfs: rootfs.path,
      rootfsKey: id,
      snapshotter: rootfs.snapshotter,
      timeout: 0,
    };
    records.insert(record);
    await plugins.tell(record);
    return record;
  } catch (error) {
    await removeRootfs(stores, ctx, { key: id, snapshotter: rootfs.snapshotter }).catch(() => undefined); // the failure is told
    throw error;
  }
}

/** An image by which users of containerd see it, and which keeps its blobs. */
export async function keepImage(plugins: ManagedPlugins, ctx: CallContext, name: string, { digest, size }: Blob): Promise<void> {
  const target = { mediaType: mediaTypes.dockerManifest, digest, size: BigInt(size), annotations: {} };
  const image = { name, labels: {}, target, createdAt: undefined, updatedAt: undefined };
  const { images } = plugins.needs.stores;
  try {
    await images.create(ctx, { image, sourceDateEpoch: undefined });
  } catch (error) {
    await ignore('alreadyExists')(error);
    await images.update(ctx, { image, updateMask: ['target'], sourceDateEpoch: undefined });
  }
}
