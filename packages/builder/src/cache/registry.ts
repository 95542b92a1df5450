import { Readable } from 'node:stream';
import { type Digest, isIndex, isManifest, parseReference, type Reference, withDefaultTag } from '@gantry/oci';
import type { Access, Registries, Repository } from '@gantry/registry';
import type { CallContext } from '@gantry/rpc';
import type { CacheExporter } from '../control/needs';
import { sessionAccess } from '../registry/session-access';
import type { SessionGroup } from '../session/session';
import { type ContentServices, writeBlob } from '../worker/blobs';
import { Attributes, readExportChoice } from './attributes';
import type { OpenOrigin } from './import-caches';
import type { CacheTarget } from './place';
import { type CacheWriting, writeCache } from './write-cache';

/** A registry as a client names it. */
interface Place {
  readonly reference: Reference;
  /** Spoken to without TLS. */
  readonly insecure: boolean;
}

function readPlace(attributes: Attributes): Place {
  const reference = withDefaultTag(parseReference(attributes.need('ref')));
  return { reference, insecure: attributes.boolean('registry.insecure', false) };
}

const accessTo = (ctx: CallContext, sessions: SessionGroup, { insecure }: Place): Access => ({
  ...sessionAccess(ctx, sessions),
  ...(insecure ? { scheme: 'http' as const } : {}),
});

/** `--cache-to type=registry,ref=…` */
export function registryCacheExporter(writing: CacheWriting, registries: Pick<Registries, 'forPush'>): CacheExporter {
  return {
    open(given) {
      const attributes = new Attributes('registry', given);
      const place = readPlace(attributes);
      const choice = readExportChoice(attributes);
      attributes.end();
      return {
        name: 'exporting cache to registry',
        inline: false,
        async export(ctx, input) {
          const repository = await registries.forPush(place.reference, accessTo(ctx, input.job.sessions, place), ctx.signal);
          return writeCache(writing, ctx, input, { choice, target: pushTarget(repository, place.reference) });
        },
      };
    },
  };
}

function pushTarget(repository: Repository, reference: Reference): CacheTarget {
  return {
    async write(ctx, { digest, size }, chunks) {
      if (await repository.hasBlob(digest, ctx.signal)) return;
      const body = (offset: number): Readable => Readable.from(chunks(offset));
      await repository.upload({ digest, size, body, digestAfter: () => digest, signal: ctx.signal });
    },
    async finish(ctx, { mediaType }, bytes) {
      await repository.putManifest(reference.tag ?? 'latest', bytes, mediaType, { signal: ctx.signal });
    },
  };
}

/** `--cache-from type=registry,ref=…`, an image with a cache of its own among them. */
export function registryOrigin(services: ContentServices, registries: Pick<Registries, 'find'>): OpenOrigin {
  return async (ctx, { given, sessions }) => {
    const attributes = new Attributes('registry', given);
    const place = readPlace(attributes);
    attributes.boolean('mounts', false);
    attributes.end();
    const find = (asked: CallContext) => registries.find(place.reference, accessTo(asked, sessions, place), asked.signal);
    const { repository, manifest } = await find(ctx);
    return {
      root: { mediaType: manifest.mediaType, digest: manifest.digest as Digest, size: manifest.bytes.length },
      async read(asked, { digest, size, mediaType }) {
        if (digest === manifest.digest) return manifest.bytes;
        if (isManifest(mediaType) || isIndex(mediaType)) return (await repository.manifest(digest, asked.signal)).bytes;
        const parts: Buffer[] = [];
        for await (const part of repository.blob(digest, size, 0, asked.signal)) parts.push(part);
        return Buffer.concat(parts);
      },
      // Who brings a layer may be another build than the one that read the manifest, later.
      async fetch(asked, layer) {
        const { repository: own } = await find(asked);
        await writeBlob(services, asked, layer, { chunks: (offset) => own.blob(layer.digest, layer.size, offset, asked.signal) });
      },
    };
  };
}
