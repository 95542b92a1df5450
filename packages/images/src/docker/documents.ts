import type { ImageConfig, Index, Manifest } from '@gantry/oci';
import { parseConfig, parseIndex, parseManifest } from '@gantry/registry';
import type { ContentStore } from '../content/store';
import type { Scope } from '../store/namespaced';

/** A document of an image, with its bytes. */
export interface Document<T> {
  readonly value: T;
  readonly bytes: Buffer;
}

type Parse<T> = (bytes: Buffer, name: string) => T;

/** How many documents are kept: some KiB each. */
const KEPT = 3000;

/**
 * Documents of images, read out of content. What a digest names never changes, so each is read and parsed once: a container's create and every line of a list
 * ask for them. Errors: notFound for content that the caller's namespace does not have, whoever else has it; dataLoss as the parsers tell.
 */
export class Documents {
  private readonly kept = new Map<string, Document<unknown>>();

  constructor(private readonly content: Pick<ContentStore, 'info' | 'readAll'>) {}

  index(scope: Scope, digest: string): Promise<Document<Index>> {
    return this.read(scope, 'index', digest, parseIndex);
  }

  manifest(scope: Scope, digest: string): Promise<Document<Manifest>> {
    return this.read(scope, 'manifest', digest, parseManifest);
  }

  config(scope: Scope, digest: string): Promise<Document<ImageConfig>> {
    return this.read(scope, 'config', digest, parseConfig);
  }

  private async read<T>(scope: Scope, kind: string, digest: string, parse: Parse<T>): Promise<Document<T>> {
    const key = `${kind} ${digest}`;
    const known = this.kept.get(key) as Document<T> | undefined;
    if (known !== undefined) {
      this.content.info(scope, digest);
      return known;
    }
    const bytes = await this.content.readAll(scope, digest);
    const document = { value: parse(bytes, digest), bytes };
    if (this.kept.size >= KEPT) this.kept.clear();
    this.kept.set(key, document);
    return document;
  }
}
