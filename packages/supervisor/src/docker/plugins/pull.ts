import { randomBytes } from 'node:crypto';
import type { PluginPrivilege } from '@gantry/api/gantry/engine/v1/plugins';
import { type Auth, Progress } from '@gantry/api/gantry/images/v1/images';
import {
  type Descriptor,
  familiarName,
  familiarString,
  formatReference,
  isLayer,
  type Manifest,
  parseJson,
  parseReference,
  type Reference,
  withDefaultTag,
} from '@gantry/oci';
import { type CallContext, conflict, GantryError, ignore, isErrorOf, prefixed } from '@gantry/rpc';
import { type Blob, readBlob } from './blobs';
import { type PluginConfig, readConfig } from './config';
import { install, keepImage, PLUGIN_CONFIG, underLease } from './create';
import type { ManagedPlugins } from './plugins';
import { checkPrivileges, privilegesOf } from './privileges';
import { layRootfs, removeRootfs } from './rootfs';

/** Names of images that keep what is pulled until its plugin does; no registry has them. */
export const PULLING = 'plugins.gantry.invalid/pulling:';

/** Where a plugin comes from. */
export interface Remote {
  readonly remote: string;
  readonly auth: Auth | undefined;
}

interface Fetched {
  readonly reference: Reference;
  readonly config: PluginConfig;
  readonly manifest: Blob;
  readonly layers: readonly Descriptor[];
}

/** What a plugin of a registry wants of the host; undefined where the registry has none, which is told, as docker has it, to who pulls it. */
export async function pluginPrivileges(
  plugins: ManagedPlugins,
  caller: CallContext,
  { remote, auth }: Remote,
): Promise<PluginPrivilege[] | undefined> {
  const reference = remoteReference(remote);
  const { imageStore } = plugins.needs.stores;
  return underLease(plugins, plugins.inNamespace(caller), async (ctx) => {
    const request = { ref: formatReference(reference), auth, referrers: false, name: '', metadataOnly: true };
    let digest = '';
    try {
      for await (const { target } of imageStore.pullArtifact(ctx, request)) digest ||= target?.digest ?? '';
    } catch (error) {
      if (ctx.signal.aborted) throw error;
      // A registry that is not reached has not said that.
      if (isErrorOf(error, 'unavailable')) throw prefixed(error, 'error resolving plugin reference', 'internal');
      return undefined;
    }
    if (digest !== '') return privilegesOf((await readManifest(plugins, ctx, digest, reference)).config);
    throw new GantryError('internal', `did not find plugin config for specified reference ${formatReference(reference)}`);
  });
}

/** Pulls a plugin under a name of its own; its user has agreed to what it wants. */
export async function* pullPlugin(
  plugins: ManagedPlugins,
  caller: CallContext,
  asked: Remote & { readonly name: string; readonly privileges: readonly PluginPrivilege[] },
): AsyncGenerator<Progress> {
  const reference = remoteReference(asked.remote);
  const named = asked.name === '' ? nameOf(reference) : withDefaultTag(parseReference(asked.name));
  if (named.digest !== undefined) throw new GantryError('internal', 'cannot use digest in plugin tag');
  const name = familiarString(named);
  plugins.needs.records.checkName(name);
  yield* fetching(plugins, caller, { ...asked, reference, name }, async (ctx, { config, manifest, layers }) => {
    checkPrivileges(config, asked.privileges);
    const reference = formatReference(remoteReference(asked.remote));
    await install(plugins, ctx, { name, image: formatReference(named), reference, config, manifest, layers });
  });
}

/** Replaces what a disabled plugin is; what it was set to stays. */
export async function* upgradePlugin(
  plugins: ManagedPlugins,
  caller: CallContext,
  asked: Remote & { readonly name: string; readonly privileges: readonly PluginPrivilege[] },
): AsyncGenerator<Progress> {
  const { records, stores } = plugins.needs;
  const { id, name } = records.require(asked.name);
  const reference = remoteReference(asked.remote);
  const refuse = (): void => {
    if (records.require(id).enabled) throw prefixed(conflict(`plugin ${name} is enabled`), 'plugin must be disabled before upgrading');
  };
  refuse();
  yield* fetching(plugins, caller, { ...asked, reference, name: asked.name }, (ctx, { config, manifest, layers }) =>
    plugins.inTurn(id, async () => {
      refuse();
      checkPrivileges(config, asked.privileges);
      const old = records.require(id);
      const key = `${id}-${randomBytes(4).toString('hex')}`;
      const rootfs = await layRootfs(
        stores,
        ctx,
        key,
        layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size: BigInt(size), annotations: {} })),
      );
      await keepImage(plugins, ctx, old.image, manifest);
      const changed = records.change(id, (record) => ({
        ...record,
        config,
        reference: formatReference(reference),
        manifest: manifest.digest,
        rootfs: rootfs.path,
        rootfsKey: key,
        snapshotter: rootfs.snapshotter,
      }));
      await plugins.tell(changed);
      await removeRootfs(stores, ctx, { key: old.rootfsKey, snapshotter: old.snapshotter });
    }),
  );
}

/** Pulls, tells how far it is, and has what was pulled used while an image of no plugin keeps it. */
async function* fetching(
  plugins: ManagedPlugins,
  caller: CallContext,
  { reference, name, auth }: Remote & { readonly reference: Reference; readonly name: string },
  use: (ctx: CallContext, fetched: Fetched) => Promise<void>,
): AsyncGenerator<Progress> {
  const { imageStore, images } = plugins.needs.stores;
  const own = plugins.inNamespace(caller);
  const temporary = `${PULLING}${randomBytes(8).toString('hex')}`;
  const line = (change: Partial<Progress>): Progress => Progress.fromPartial(change);
  try {
    let digest: string | undefined;
    const told = new Set<string>();
    yield line({ id: reference.tag ?? formatReference(reference), status: `Pulling from ${familiarName(reference)}` });
    const request = { ref: formatReference(reference), auth, referrers: false, name: temporary, metadataOnly: false };
    for await (const { progress, target } of found(imageStore.pullArtifact(own, request))) {
      digest = target?.digest ?? digest;
      const layer = progress === undefined ? undefined : /^layer-sha256:([0-9a-f]{12})/.exec(progress.id)?.[1];
      if (progress === undefined || layer === undefined) continue;
      if (!told.has(layer)) yield line({ id: layer, status: 'Pulling fs layer' });
      told.add(layer);
      const done = progress.current === progress.total;
      yield line(done ? { id: layer, status: 'Download complete' } : { ...progress, id: layer, status: 'Downloading' });
    }
    if (digest === undefined) throw new GantryError('internal', 'fetched plugin image but manifest is missing');
    yield line({ status: `Digest: ${digest}` });
    plugins.event('pull', familiarString(reference), name);
    const fetched = await readManifest(plugins, own, digest, reference);
    await underLease(plugins, own, (ctx) => use(ctx, fetched));
    for (const layer of told) yield line({ id: layer, status: 'Complete' });
  } finally {
    await images.delete({ ...own, signal: new AbortController().signal }, { name: temporary, sync: false }).catch(ignore('notFound'));
  }
}

/** A failure before anything came is told in dockerd's words. */
async function* found<T>(answers: AsyncIterable<T>): AsyncGenerator<T> {
  let begun = false;
  try {
    for await (const answer of answers) {
      begun = true;
      yield answer;
    }
  } catch (error) {
    throw begun ? error : prefixed(error, 'error resolving plugin reference', 'internal');
  }
}

/** The parts of a plugin whose manifest is here. */
async function readManifest(plugins: ManagedPlugins, ctx: CallContext, digest: string, reference: Reference): Promise<Fetched> {
  const { content } = plugins.needs.stores;
  const bytes = await readBlob(content, ctx, digest);
  const manifest = parseJson(bytes.toString()) as Partial<Manifest>;
  if (manifest.config?.mediaType !== PLUGIN_CONFIG)
    throw new GantryError('internal', `did not find plugin config for specified reference ${formatReference(reference)}`);
  const config = readConfig((await readBlob(content, ctx, manifest.config.digest)).toString());
  const layers = (manifest.layers ?? []).filter(({ mediaType }) => isLayer(mediaType));
  return { reference, config, manifest: { digest, size: bytes.length }, layers };
}

function remoteReference(remote: string): Reference {
  const reference = withDefaultTag(parseReference(remote));
  if (reference.digest === undefined || reference.tag === undefined) return reference;
  return { domain: reference.domain, path: reference.path, digest: reference.digest };
}

/** Of one that is pulled by its digest the repository's name is what it is called by. */
const nameOf = ({ domain, path, tag }: Reference): Reference => withDefaultTag({ domain, path, ...(tag === undefined ? {} : { tag }) });
