import { type Content } from './content';
import { type Descriptor, mediaTypes, sha256 } from '@gantry/oci';
import { newContext, notFound, silentLogger } from '@gantry/rpc';
import { makeOutcome } from '../../bridge/outcomes';
import type { FrontendResult } from '../../frontend/frontend';
import type { StepProgress } from '../../progress/progress';
import type { BlobLayer, LazyLayer, Ref } from '../../refs/ref';
import { type ImportedKeys, type Job, StoredKeys } from '../../solver';
import { keysTables } from '../../solver/store/schema';
import { define, FakeRefs, fakeSolver, type FakeStep, type Script } from '../../solver/testing/fakes';
import { openBuildStore } from '../../store';
import type { Services } from '../../worker/services';
import { memoryContent } from './content';

/** Trees whose layers are the parts of their words. */
class LayeredRefs extends FakeRefs {
  /** Trees of which no blob was made yet. */
  readonly unmade = new Set<string>();

  /** What was told of layers that came. */
  readonly told: { readonly description: string | undefined; readonly created: Date | undefined }[] = [];

  constructor(readonly content: Content) {
    super();
  }

  layers(ref: Ref | undefined): readonly { readonly id: string; readonly blob?: Descriptor }[] {
    if (ref === undefined) return [];
    return this.stack(ref).map((blob) => ({ id: blob.digest, ...(this.content.blobs.has(blob.digest) ? { blob } : {}) }));
  }

  blobs(_ctx: unknown, ref: Ref | undefined): Promise<readonly BlobLayer[]> {
    const stack = ref === undefined ? [] : this.parts(ref);
    return Promise.resolve(
      stack.map((part) => {
        const bytes = Buffer.from(part);
        this.content.blobs.set(sha256(bytes), bytes);
        return { blob: layer(bytes), diffId: sha256(`diff ${part}`) };
      }),
    );
  }

  /** Trees of cache mounts, by their keys. */
  readonly mounts = new Map<string, string>();

  cacheTree(_ctx: unknown, key: string) {
    if (!this.mounts.has(key)) this.mounts.set(key, '');
    const mounts = [{ type: 'bind', source: key, target: this.mounts.get(key) ?? '', options: [] }];
    return Promise.resolve({ id: key, mounts, release: () => undefined });
  }

  async ofLayers(ctx: Parameters<LazyLayer['fetch']>[0], layers: readonly LazyLayer[]): Promise<Ref | undefined> {
    const parts: string[] = [];
    for (const { blob, fetch, diffId, description, created } of layers) {
      this.told.push({ description, created });
      await fetch(ctx);
      const part = this.content.blobs.get(blob.digest)?.toString() ?? '';
      if (diffId !== sha256(`diff ${part}`)) throw notFound(`${diffId} is of another layer`);
      parts.push(part);
    }
    return this.make(parts.join('|'));
  }

  private stack(ref: Ref): Descriptor[] {
    return this.parts(ref).map((part) => layer(Buffer.from(part)));
  }

  private parts(ref: Ref): string[] {
    return (this.contents.get(ref.id) ?? '').split('|');
  }
}

const layer = (bytes: Buffer): Descriptor => ({ mediaType: mediaTypes.ociLayerGzip, digest: sha256(bytes), size: bytes.length });

export const silent: StepProgress = { log: () => undefined, status: () => undefined, warn: () => undefined };

/** The services below that carry cache mounts: a mount's source is the key of its tree. */
function servicesOf({ blobs }: Content, trees: Map<string, string>): Pick<Services, 'diff' | 'leases'> {
  const diff = {
    diff: (_ctx: unknown, { right }: { readonly right: readonly { readonly source: string }[] }) => {
      const bytes = Buffer.from(trees.get(right[0]?.source ?? '') ?? '');
      blobs.set(sha256(bytes), bytes);
      return Promise.resolve({ diff: { ...layer(bytes), size: BigInt(bytes.length), annotations: {} } });
    },
    apply: (
      _ctx: unknown,
      { diff: { digest }, mounts }: { readonly diff: { readonly digest: string }; readonly mounts: readonly { readonly source: string }[] },
    ) => {
      trees.set(mounts[0]?.source ?? '', blobs.get(digest)?.toString() ?? '');
      return Promise.resolve({});
    },
  };
  const leases = { create: () => Promise.resolve({}), delete: () => Promise.resolve({}) };
  return { diff, leases } as unknown as Pick<Services, 'diff' | 'leases'>;
}

/** A machine that builds: its own keys, trees and blobs. Every step adds a layer of its name. */
export function machine(scripts: Record<string, Script> = {}) {
  const content = memoryContent();
  const refs = new LayeredRefs(content);
  const keys = new StoredKeys(openBuildStore(':memory:', [keysTables]));
  const layered = new Proxy(scripts, {
    get: (given, name: string): Script => ({
      run: (_step, inputs) => {
        const below = inputs.map((ref) => (ref === undefined ? '' : (refs.contents.get(ref.id) ?? '')));
        return Promise.resolve([refs.make([...below, name].join('|'))]);
      },
      ...given[name],
    }),
  });
  let jobs = 0;
  return {
    content,
    refs,
    keys,
    writing: { keys, refs, services: { ...content.services, ...servicesOf(content, refs.mounts) } },
    brings: {
      refs,
      logger: silentLogger,
      services: { ...content.services, ...servicesOf(content, refs.mounts) },
      isEmpty: (mounts: readonly { readonly target: string }[]) => Promise.resolve(mounts[0]?.target === ''),
    },
    /** Reads caches in a build of its own. */
    async importing<T>(read: (job: Job) => Promise<T>): Promise<T> {
      const job = fakeSolver(keys, refs).job({ id: `job${jobs++}`, sessionIds: [] });
      return read(job).finally(() => job.close());
    },
    /** Builds, and runs `then` while the build still holds what it made. */
    async build<T>(step: FakeStep, imports: readonly ImportedKeys[], then: (result: FrontendResult) => Promise<T>) {
      const solver = fakeSolver(keys, refs, layered);
      const job = solver.job({ id: `job${jobs++}`, sessionIds: [] });
      const definition = define(step);
      const outcome = makeOutcome(definition, (ctx) => job.solve(ctx, definition, { imports }));
      const tree = await outcome.tree(newContext());
      const told = tree === undefined ? undefined : refs.contents.get(tree.id);
      tree?.release();
      const value = await then({ outcomes: new Map([['', outcome]]), metadata: new Map(), attestations: new Map() });
      await job.close();
      return { ran: solver.ran, tree: told, value };
    },
  };
}
