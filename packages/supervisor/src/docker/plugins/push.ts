import { type Auth, Progress } from '@gantry/api/gantry/images/v1/images';
import { familiarName, parseReference, withDefaultTag } from '@gantry/oci';
import { type CallContext, prefixed } from '@gantry/rpc';
import type { ManagedPlugins } from './plugins';

/** Sends a plugin to the registry that its name says. */
export async function* pushPlugin(
  plugins: ManagedPlugins,
  caller: CallContext,
  { name, auth }: { readonly name: string; readonly auth: Auth | undefined },
): AsyncGenerator<Progress> {
  const { records, stores } = plugins.needs;
  const plugin = records.require(name);
  const ctx = plugins.inNamespace(caller);
  const reference = withDefaultTag(parseReference(plugin.name));
  const line = (change: Partial<Progress>): Progress => Progress.fromPartial(change);
  const { image } = await stores.images.get(ctx, { name: plugin.image });
  yield line({ status: `The push refers to repository [${familiarName(reference)}]` });
  const told = new Set<string>();
  try {
    for await (const { progress } of stores.imageStore.pushArtifact(ctx, { ref: plugin.image, auth, referrers: false })) {
      const id = progress === undefined ? undefined : /sha256:([0-9a-f]{12})/.exec(progress.id)?.[1];
      if (progress === undefined || id === undefined) continue;
      if (!told.has(id)) yield line({ id, status: 'Preparing' });
      told.add(id);
      if (progress.current < progress.total) yield line({ ...progress, id, status: 'Pushing' });
    }
  } catch (error) {
    throw prefixed(error, 'error pushing plugin', 'internal');
  }
  for (const id of told) yield line({ id, status: 'Upload complete' });
  yield line({ auxTag: reference.tag ?? '', auxDigest: plugin.manifest, auxSize: image?.target?.size ?? 0n });
}
