import { Readable } from 'node:stream';
import type { Descriptor, Digest } from '@gantry/oci';
import { failedPrecondition } from '@gantry/rpc';
import { documentType, kindOf, otherRepository, type Repository, sourceLabels } from '@gantry/registry';
import type { ContentStore } from '../content/store';
import { Limit } from '../layers/limit';
import type { Scope } from '../store/namespaced';
import { isDocument, parseNode, storedReferrers, subjectOf } from './graph';
import { objectName, type Told, toldOf } from './progress';

export interface SendOptions {
  /** Registry's domain and repository's path. */
  readonly domain: string;
  readonly path: string;
  /** Empty: by digest only. */
  readonly tag: string;
  /** Name under which the whole is told: the root of the tree that clients draw. */
  readonly root?: string;
  /** What refers to the manifests and is here goes along. */
  readonly referrers: boolean;
  readonly signal: AbortSignal;
  readonly tell: (told: Told) => void;
}

/** Sends everything behind a descriptor exactly as it is stored: images of any platform, indexes, artifacts. */
export class GraphSender {
  private readonly limit: Limit;

  constructor(private readonly deps: { readonly content: ContentStore; readonly parallel: number }) {
    this.limit = new Limit(deps.parallel);
  }

  /** So many layers at once from now on. */
  allow(parallel: number): void {
    this.limit.resize(parallel);
  }

  /** Run it under a lease that holds the descriptor. */
  async send(scope: Scope, repository: Repository, descriptor: Descriptor, options: SendOptions): Promise<void> {
    await this.document(scope, repository, descriptor, {
      options,
      parents: options.root === undefined ? [] : [options.root],
      reference: options.tag === '' ? descriptor.digest : options.tag,
    });
  }

  private async document(
    scope: Scope,
    repository: Repository,
    descriptor: Descriptor,
    at: { readonly options: SendOptions; readonly parents: readonly string[]; readonly reference: string },
  ): Promise<void> {
    const { content } = this.deps;
    const { options, parents } = at;
    const name = objectName(descriptor);
    if (!content.has(scope, descriptor.digest)) {
      if (await repository.hasManifest(descriptor.digest, options.signal)) return;
      throw failedPrecondition(`manifest ${descriptor.digest} is not here: pull all platforms first`);
    }
    content.hold(scope, descriptor.digest);
    options.tell(toldOf(descriptor, 'waiting', parents, 0));
    const node = parseNode(descriptor, await content.readAll(scope, descriptor.digest));
    const below = { options, parents: [name] };
    for (const child of node.index?.manifests ?? []) {
      if (isDocument(child)) await this.document(scope, repository, child, { ...below, reference: child.digest });
      else await this.blob(scope, repository, child, below);
    }
    if (node.manifest !== undefined)
      await Promise.all([node.manifest.config, ...node.manifest.layers].map((part) => this.blob(scope, repository, part, below)));
    const subject = subjectOf(node);
    const artifactType = node.manifest?.artifactType ?? node.index?.artifactType ?? node.manifest?.config.mediaType;
    const annotations = node.manifest?.annotations ?? node.index?.annotations;
    const referrer = {
      mediaType: descriptor.mediaType,
      digest: descriptor.digest,
      size: descriptor.size,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(annotations === undefined ? {} : { annotations }),
    };
    await repository.putManifest(at.reference, node.bytes, descriptor.mediaType, {
      signal: options.signal,
      ...(subject === undefined ? {} : { subject: { digest: subject.digest, referrer } }),
    });
    options.tell(toldOf(descriptor, 'complete', parents));
    if (options.referrers)
      for (const digest of storedReferrers(content, scope, descriptor.digest))
        await this.document(scope, repository, await this.described(scope, digest), { ...below, reference: digest });
  }

  private async described(scope: Scope, digest: string): Promise<Descriptor> {
    const bytes = await this.deps.content.readAll(scope, digest);
    return { mediaType: documentType(bytes, '', kindOf(bytes, '', digest)), digest: digest as Digest, size: bytes.length };
  }

  private async blob(
    scope: Scope,
    repository: Repository,
    descriptor: Descriptor,
    at: { readonly options: SendOptions; readonly parents: readonly string[] },
  ): Promise<void> {
    const { content } = this.deps;
    const { options, parents } = at;
    const { digest, size } = descriptor;
    options.tell(toldOf(descriptor, 'waiting', parents, 0));
    await this.limit.run(async () => {
      if (await repository.hasBlob(digest, options.signal)) {
        options.tell(toldOf(descriptor, 'already exists', parents));
        return;
      }
      if (!content.has(scope, digest))
        throw failedPrecondition(`blob ${digest} is neither here nor at the registry: pull all platforms first`);
      const { labels } = content.info(scope, digest);
      const from = otherRepository(options, labels);
      const read = async function* (offset: number): AsyncGenerator<Buffer> {
        let progress = offset;
        for await (const part of content.read(scope, digest, offset, 0, 256 << 10)) {
          progress += part.length;
          options.tell(toldOf(descriptor, 'uploading', parents, progress));
          yield part;
        }
      };
      await repository.upload({
        digest,
        size,
        ...(from === undefined ? {} : { from }),
        body: (offset) => Readable.from(read(offset), { objectMode: false }),
        digestAfter: () => digest,
        signal: options.signal,
      });
      content.setLabels(scope, digest, sourceLabels(options, labels));
      options.tell(toldOf(descriptor, 'complete', parents));
    });
  }
}
