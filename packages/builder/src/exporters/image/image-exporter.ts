import { type Descriptor, hostPlatform, platformEquals, runnable } from '@gantry/oci';
import { type CallContext, invalidArgument, notImplemented } from '@gantry/rpc';
import type { Refs } from '../../refs/ref';
import type { Services } from '../../worker/services';
import { during } from '../../progress/during';
import type { Exporter, ExportInput } from '../exporter';
import { type WrittenDocuments, writeDocuments } from './documents';
import { underLease } from '../../worker/work-lease';
import { imageAttributes, type ImageOptions } from './image-attributes';
import { nameImage } from './name-image';
import { noteBuild } from './note-build';
import { tellBuilt } from './tell-built';
import { unpack } from './unpack';

/** What pushes an image to the registry of a name. */
export interface Pusher {
  push(
    ctx: CallContext,
    image: { readonly name: string; readonly documents: WrittenDocuments; readonly options: ImageOptions },
    input: ExportInput,
  ): Promise<void>;
}

export interface ImageExporterTools {
  readonly services: Pick<Services, 'content' | 'images' | 'snapshots' | 'diff' | 'leases' | 'events' | 'inStore' | 'snapshotter'>;
  readonly refs: Refs;
  readonly pusher: Pusher | undefined;
}

/** Into the image store and, where wished, to registries. `moby` is the same with docker's names and defaults. */
export const makeImageExporters = (tools: ImageExporterTools): readonly Exporter[] =>
  (['image', 'moby'] as const).map((type) => ({
    types: [type],
    open: (attributes) => {
      const options = imageAttributes(type, attributes);
      return {
        name: 'exporting to image',
        async export(ctx, input) {
          const { told, id, names } = await exportImage(tools, ctx, input, options);
          if (type === 'moby' && options.store)
            await Promise.all([
              tellBuilt(tools.services, ctx, { id, names, result: input.result }),
              noteBuild(tools.services, ctx, { id, buildRef: input.buildRef ?? '' }),
            ]);
          return told;
        },
      };
    },
  }));

async function exportImage(
  tools: ImageExporterTools,
  ctx: CallContext,
  input: ExportInput,
  options: ImageOptions,
): Promise<{ readonly told: ReadonlyMap<string, string>; readonly id: string; readonly names: readonly string[] }> {
  if (options.rewriteTimestamp && options.unpack) throw invalidArgument('exporter option "rewrite-timestamp" conflicts with "unpack"');
  return underLease(tools.services, ctx, async (leased) => {
    const asked = options.names.length === 1 && options.names[0] === '*' ? imageName(input) : options.names;
    const documents = await writeDocuments(tools, leased, input, options, asked);
    const names = namesOf(asked, documents.root, options);
    for (const name of names.whole) {
      if (options.store) await store(tools, leased, { name, documents, options, canonical: names.canonical }, input);
      if (!options.push) continue;
      if (tools.pusher === undefined) throw notImplemented('this builder pushes nothing');
      await tools.pusher.push(leased, { name, documents, options }, input);
    }
    return { told: answer(documents, names.whole), id: documents.root.digest, names: names.whole };
  });
}

const imageName = ({ result }: ExportInput): readonly string[] =>
  (result.metadata.get('image.name')?.toString() ?? '').split(',').filter((name) => name !== '');

function namesOf(
  asked: readonly string[],
  { digest }: Descriptor,
  options: ImageOptions,
): { readonly whole: readonly string[]; readonly canonical: boolean } {
  if (options.danglingPrefix === '' || (options.danglingOnlyEmpty && asked.length > 0))
    return { whole: asked, canonical: options.nameCanonical };
  return { whole: [...asked, `${options.danglingPrefix}@${digest}`], canonical: options.nameCanonical && asked.length > 0 };
}

async function store(
  { services, refs }: ImageExporterTools,
  ctx: CallContext,
  {
    name,
    documents,
    options,
    canonical,
  }: { readonly name: string; readonly documents: WrittenDocuments; readonly options: ImageOptions; readonly canonical: boolean },
  { progress }: ExportInput,
): Promise<void> {
  const target = documents.root;
  await during(progress, `naming to ${name}`, async () => {
    const { epoch } = documents;
    await nameImage(services, ctx, { name, target, epoch, keepReplaced: options.keepReplaced });
    if (canonical && !name.includes('@')) await nameImage(services, ctx, { name: `${name}@${target.digest}`, target, epoch });
  });
  if (!options.unpack) return;
  const own = runnable(hostPlatform())
    .map((platform) => documents.images.find(({ of }) => platformEquals(of.platform, platform)))
    .find((found) => found !== undefined);
  if (own !== undefined && own.layers.length > 0)
    await during(progress, `unpacking to ${name}`, () => unpack(services, refs, ctx, own.layers));
}

/** What buildx shows and writes into metadata files. */
export function answer({ root, images }: WrittenDocuments, names: readonly string[]): ReadonlyMap<string, string> {
  const [only] = images;
  return new Map([
    ...(names.length === 0 ? [] : [['image.name', names.join(',')] as const]),
    ['containerimage.digest', root.digest],
    ...(only?.descriptor.digest === root.digest ? [['containerimage.config.digest', only.config.digest] as const] : []),
    ['containerimage.descriptor', Buffer.from(JSON.stringify(root)).toString('base64')],
  ]);
}
