import { pipeline } from 'node:stream/promises';
import { anyTypeName, packAny, unpackAny } from '@gantry/api';
import type { TransferRequest } from '@gantry/api/containerd/services/transfer/v1/transfer';
import {
  AuthRequest,
  AuthResponse,
  AuthType,
  HTTPDebug,
  ImageExportStream,
  ImageImportStream,
  ImageStore,
  OCIRegistry,
  type RegistryResolver,
} from '@gantry/api/containerd/types/transfer/transfer';
import type { Any } from '@gantry/api/google/protobuf/any';
import type { Platform as WirePlatform } from '@gantry/api/containerd/types/types';
import {
  type Descriptor,
  type Digest,
  formatReference,
  hostPlatform,
  normalizePlatform,
  parseReference,
  type Platform,
  sha256,
  withDefaultTag,
} from '@gantry/oci';
import { type CallContext, invalidArgument, notFound, notImplemented } from '@gantry/rpc';
import type { Access, CredentialSource, Reader, Registries } from '@gantry/registry';
import type { ContentStore } from '../content/store';
import type { Catalog } from '../docker/catalog';
import { underLease } from '../docker/operation';
import type { Puller } from '../registry/pull';
import type { ImageRecord } from '../store/images';
import type { LeaseTable } from '../store/leases';
import type { Scope } from '../store/namespaced';
import { receiveBytes, sendBytes } from './byte-streams';
import { exportImages } from './export';
import type { GraphFetcher } from './fetch';
import { isDocument, isImage, keepNode, parseNode, wanted } from './graph';
import { importArchive } from './import';
import { Telling } from './progress';
import type { GraphSender } from './send';
import { archiveNames, keep, lookup, namesWhole } from './store';
import type { Stream, Streams } from './streams';

export interface TransferDependencies {
  readonly content: ContentStore;
  readonly catalog: Catalog;
  readonly leases: LeaseTable;
  readonly registries: Registries;
  readonly puller: Puller;
  readonly fetcher: GraphFetcher;
  readonly sender: GraphSender;
  readonly streams: Streams;
  /** Name of the snapshotter that images are unpacked with. */
  readonly snapshotter: string;
}

/** containerd.services.transfer.v1: what becomes of a source at a destination. */
export async function transfer(deps: TransferDependencies, ctx: CallContext, request: TransferRequest): Promise<void> {
  const { source, destination } = request;
  const id = request.options?.progressStream ?? '';
  const telling = new Telling(id === '' ? undefined : deps.streams.get(ctx, id));
  const [registry, store, archive] = [unpackAny(source, OCIRegistry), unpackAny(source, ImageStore), unpackAny(source, ImageImportStream)];
  const [toRegistry, toStore, toArchive] = [
    unpackAny(destination, OCIRegistry),
    unpackAny(destination, ImageStore),
    unpackAny(destination, ImageExportStream),
  ];
  const run = (): Promise<void> | undefined => {
    if (registry !== undefined && toStore !== undefined) return pull(deps, ctx, { registry, store: toStore, telling });
    if (store !== undefined && toRegistry !== undefined) return push(deps, ctx, { store, registry: toRegistry, telling });
    if (archive !== undefined && toStore !== undefined) return importImages(deps, ctx, { archive, store: toStore, telling });
    if (store !== undefined && toArchive !== undefined) return exportTo(deps, ctx, { store, archive: toArchive, telling });
    if (archive !== undefined && toArchive !== undefined) return passOn(deps, ctx, { from: archive.stream, to: toArchive.stream });
    if (store !== undefined && toStore !== undefined) return tag(deps, ctx, { store, to: toStore, telling });
    return undefined;
  };
  try {
    const work = run();
    if (work === undefined) throw notImplemented(`transfer from ${nameOf(source)} to ${nameOf(destination)} is not supported`);
    await work;
  } finally {
    await telling.end();
  }
}

const nameOf = (any: Any | undefined): string => (any === undefined ? 'nothing' : anyTypeName(any));

async function pull(
  deps: TransferDependencies,
  ctx: CallContext,
  { registry, store, telling }: { registry: OCIRegistry; store: ImageStore; telling: Telling },
): Promise<void> {
  const unpack = unpackPlatforms(deps, store);
  const reference = withDefaultTag(parseReference(registry.reference));
  const from = `OCI Registry (${registry.reference})`;
  telling.tell({ event: `Resolving from ${from}` });
  const { repository, manifest } = await deps.registries.find(reference, accessOf(deps.streams, ctx, registry), ctx.signal);
  telling.tell({ event: `Pulling from ${from}` });
  await underLease(deps.leases, ctx, 'transfer', async (scope) => {
    const descriptor = await deps.fetcher.fetch(scope, repository, manifest, {
      reference,
      root: formatReference(reference),
      platforms: store.platforms.map(platformOf),
      allMetadata: store.allMetadata,
      manifestLimit: store.manifestLimit,
      unpack,
      referrers: false,
      signal: ctx.signal,
      tell: (told) => telling.tell(told),
    });
    saved(telling, keep(deps.catalog.images, scope, store, { ...descriptor, annotations: {} }));
  });
  telling.tell({ event: `Completed pull from ${from}` });
}

async function push(
  deps: TransferDependencies,
  ctx: CallContext,
  { store, registry, telling }: { store: ImageStore; registry: OCIRegistry; telling: Telling },
): Promise<void> {
  const { name } = store;
  const record = deps.catalog.images.get(ctx, name);
  const reference = withDefaultTag(parseReference(registry.reference));
  const to = `OCI Registry (${registry.reference})`;
  telling.tell({ event: `Pushing to ${to}` });
  const descriptor = descriptorOf(record);
  telling.tell({ event: 'pushing content', name, descriptor });
  await underLease(deps.leases, ctx, 'transfer', async (scope) => {
    deps.content.hold(scope, record.target.digest);
    const repository = await deps.registries.forPush(reference, accessOf(deps.streams, ctx, registry), ctx.signal);
    await deps.sender.send(scope, repository, descriptor, {
      domain: reference.domain,
      path: reference.path,
      tag: reference.tag ?? '',
      root: name,
      referrers: false,
      signal: ctx.signal,
      tell: (told) => telling.tell(told),
    });
  });
  telling.tell({ event: 'pushed content', name, descriptor });
  telling.tell({ event: `Completed push to ${to}`, descriptor });
}

async function importImages(
  deps: TransferDependencies,
  ctx: CallContext,
  { archive, store, telling }: { archive: ImageImportStream; store: ImageStore; telling: Telling },
): Promise<void> {
  if (archive.forceCompress) throw notImplemented('import: force_compress is not supported');
  if (archive.mediaType !== '' && !/\btar\b/.test(archive.mediaType))
    throw notImplemented(`import: media type "${archive.mediaType}" is not supported`);
  const unpack = unpackPlatforms(deps, store);
  const stream = deps.streams.get(ctx, archive.stream);
  telling.tell({ event: 'Importing' });
  const { content, catalog } = deps;
  const platforms = store.platforms.map(platformOf);
  try {
    await underLease(deps.leases, ctx, 'transfer', async (scope) => {
      const { index, bytes } = await importArchive(content, scope, receiveBytes(stream), ctx.signal);
      for (const entry of wanted(index, platforms)) {
        await relabel(deps, scope, entry, { platforms, unpack, signal: ctx.signal });
        const { annotations = {} } = entry;
        const names = archiveNames(store, {
          full: annotations['io.containerd.image.name'],
          short: annotations['org.opencontainers.image.ref.name'],
          digest: entry.digest,
        });
        const target = { ...entry, annotations: {} };
        saved(
          telling,
          names.map((name) => catalog.images.put(scope, name, target, store.labels)),
        );
      }
      if (namesWhole(store)) {
        const descriptor = { mediaType: 'application/vnd.oci.image.index.v1+json', digest: sha256(bytes), size: bytes.length };
        await keepNode(content, scope, parseNode(descriptor, bytes));
        saved(telling, keep(catalog.images, scope, store, { ...descriptor, annotations: {} }));
      }
    });
  } finally {
    stream.close();
  }
  telling.tell({ event: 'Completed import' });
}

/** An archive from one stream to another, byte for byte: nothing of it is looked at. */
async function passOn(
  { streams }: TransferDependencies,
  ctx: CallContext,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  const [source, target] = [streams.get(ctx, from), streams.get(ctx, to)];
  try {
    await pipeline(receiveBytes(source), sendBytes(target), { signal: ctx.signal });
  } finally {
    source.close();
    target.close();
  }
}

async function exportTo(
  deps: TransferDependencies,
  ctx: CallContext,
  { store, archive, telling }: { store: ImageStore; archive: ImageExportStream; telling: Telling },
): Promise<void> {
  if (archive.mediaType !== '' && !/\btar\b|^application\/vnd\.oci\.image\.(index|layout)/.test(archive.mediaType))
    throw notImplemented(`export: media type "${archive.mediaType}" is not supported`);
  const records = lookup(deps.catalog.images, ctx, store);
  const stream = deps.streams.get(ctx, archive.stream);
  telling.tell({ event: 'Exporting' });
  try {
    await underLease(deps.leases, ctx, 'transfer', async (scope) => {
      for (const { target } of records) deps.content.hold(scope, target.digest);
      const options = {
        platforms: archive.allPlatforms ? [] : archive.platforms.length > 0 ? archive.platforms.map(platformOf) : [hostPlatform()],
        skipCompatibility: archive.skipCompatibilityManifest,
        skipNonDistributable: archive.skipNonDistributable,
      };
      await exportImages(deps.content, scope, records, { out: sendBytes(stream), options });
    });
  } finally {
    stream.close();
  }
  telling.tell({ event: 'Completed export' });
}

async function tag(
  deps: TransferDependencies,
  ctx: CallContext,
  { store, to, telling }: { store: ImageStore; to: ImageStore; telling: Telling },
): Promise<void> {
  const { target } = deps.catalog.images.get(ctx, store.name);
  saved(telling, keep(deps.catalog.images, ctx, to, target));
  return Promise.resolve();
}

/** Documents of an archive get the references of garbage collection; those to unpack become snapshots. */
async function relabel(
  deps: TransferDependencies,
  scope: Scope,
  descriptor: Descriptor,
  options: { platforms: readonly Platform[]; unpack: readonly Platform[]; signal: AbortSignal },
): Promise<void> {
  const { content } = deps;
  if (!isDocument(descriptor)) return;
  if (!content.has(scope, descriptor.digest)) throw notFound(`archive lacks ${descriptor.digest}`);
  const node = parseNode(descriptor, await content.readAll(scope, descriptor.digest));
  if (node.index !== undefined)
    for (const child of wanted(node.index, options.platforms))
      if (content.has(scope, child.digest)) await relabel(deps, scope, child, options);
  const { manifest } = node;
  if (
    manifest !== undefined &&
    isImage(manifest) &&
    [manifest.config, ...manifest.layers].every(({ digest }) => content.has(scope, digest)) &&
    options.unpack.length > 0
  ) {
    const { os, architecture, variant } = JSON.parse(
      (await content.readAll(scope, manifest.config.digest)).toString(),
    ) as Partial<Platform>;
    const suits = options.unpack.some(
      (each) =>
        each.os === (os ?? 'linux') &&
        each.architecture === architecture &&
        (each.variant === undefined || variant === undefined || each.variant === variant),
    );
    if (suits)
      await deps.puller.image(scope, nowhere, node.bytes, { reference: undefined, signal: options.signal, report: () => undefined });
  }
  await keepNode(content, scope, node);
}

/** All is here already. */
const nowhere: Reader = {
  manifest: (reference) => Promise.reject(notFound(`archive lacks manifest ${reference}`)),
  blob: async function* (digest) {
    throw notFound(`archive lacks ${digest}`);
  },
  referrers: () => Promise.resolve([]),
};

function saved(telling: Telling, records: readonly ImageRecord[]): void {
  for (const record of records) telling.tell({ event: 'saved', name: record.name, descriptor: descriptorOf(record) });
}

const descriptorOf = ({ target }: ImageRecord): Descriptor => ({
  mediaType: target.mediaType,
  digest: target.digest as Digest,
  size: target.size,
});

function unpackPlatforms({ snapshotter }: TransferDependencies, store: ImageStore): Platform[] {
  return store.unpacks.map((unpack) => {
    if (unpack.snapshotter !== '' && unpack.snapshotter !== snapshotter)
      throw notImplemented(`image store: unpacking with snapshotter "${unpack.snapshotter}" is not supported, only with ${snapshotter}`);
    return platformOf(unpack.platform ?? { os: '', architecture: '', variant: '', osVersion: '', osFeatures: [] });
  });
}

function platformOf({ os, architecture, variant, osVersion }: WirePlatform): Platform {
  return normalizePlatform({
    os: os === '' ? 'linux' : os,
    architecture,
    ...(variant === '' ? {} : { variant }),
    ...(osVersion === '' ? {} : { 'os.version': osVersion }),
  });
}

/** What a client says of how its registry is spoken to. */
function accessOf(streams: Streams, ctx: CallContext, registry: OCIRegistry): Access {
  const { resolver } = registry;
  if (resolver === undefined) return { credentials: () => Promise.resolve(undefined) };
  if (resolver.httpDebug !== HTTPDebug.DISABLED) throw notImplemented('registry resolver: http_debug is not supported');
  if (resolver.logsStream !== '') throw notImplemented('registry resolver: logs_stream is not supported');
  if (resolver.defaultScheme !== '' && resolver.defaultScheme !== 'http' && resolver.defaultScheme !== 'https')
    throw invalidArgument(`registry resolver: default_scheme "${resolver.defaultScheme}" is not supported`);
  return {
    credentials:
      resolver.authStream === '' ? () => Promise.resolve(undefined) : askClient(streams.get(ctx, resolver.authStream), registry.reference),
    headers: resolver.headers,
    scheme: resolver.defaultScheme,
    ...(resolver.hostDir === '' ? {} : { paths: hostDirectories(resolver) }),
  };
}

function hostDirectories({ hostDir }: RegistryResolver): string[] {
  const paths = hostDir.split(':').filter((path) => path !== '');
  for (const path of paths)
    if (!path.startsWith('/')) throw invalidArgument(`registry resolver: host_dir "${path}" is not an absolute path`);
  return paths;
}

/** Asks the client over its stream, one question at a time; each host is asked for by its own name. */
function askClient(stream: Stream, reference: string): CredentialSource {
  let last: Promise<unknown> = Promise.resolve();
  return ({ base }, challenges) => {
    const question = last.then(async () => {
      await stream.send(packAny(AuthRequest, { host: base.host, reference, wwwauthenticate: [...challenges] }));
      const answer = unpackAny(await stream.receive(), AuthResponse);
      if (answer === undefined) throw invalidArgument(`client did not answer the question for credentials of ${base.host}`);
      const none = { username: '', password: '', identityToken: '', registryToken: '' };
      if (answer.authType === AuthType.CREDENTIALS) return { ...none, username: answer.username, password: answer.secret };
      if (answer.authType === AuthType.REFRESH) return answer.secret === '' ? undefined : { ...none, identityToken: answer.secret };
      return answer.authType === AuthType.HEADER ? { ...none, header: answer.secret } : undefined;
    });
    last = question.catch(() => undefined);
    return question;
  };
}
