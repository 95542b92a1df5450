import { type Descriptor, formatReference, parseReference, withDefaultTag } from '@gantry/oci';
import { type CallContext, invalidArgument } from '@gantry/rpc';
import { during } from '../../progress/during';
import type { Refs } from '../../refs/ref';
import { sendFile } from '../../session/send-file';
import type { Services } from '../../worker/services';
import { booleanOf } from '../attribute-values';
import type { Exporter, ExportInput } from '../exporter';
import { type DocumentOptions, documentAttributes, refuseUnknown } from '../image/attributes';
import { writeDocuments } from '../image/documents';
import { underLease } from '../../worker/work-lease';
import { answer } from '../image/image-exporter';
import { splitNames } from '../image/names';
import { archive } from './archive';
import { copyToClient } from './client-store';

export interface ArchiveTools {
  readonly services: Pick<Services, 'content' | 'leases' | 'inStore' | 'snapshotter'>;
  readonly refs: Refs;
}

type Variant = 'oci' | 'docker';

interface ArchiveOptions extends DocumentOptions {
  readonly names: readonly string[];
  /** One tar; else the blobs one by one into a store of the client's. */
  readonly tar: boolean;
  readonly index: number;
}

/** An image as an archive of OCI's layout, or as `docker load` takes it, to the client. */
export const makeArchiveExporters = (tools: ArchiveTools): readonly Exporter[] =>
  (['oci', 'docker'] as const).map((variant) => ({
    types: [variant],
    open: (attributes, index) => {
      const options = archiveAttributes(variant, attributes, index);
      return {
        name: `exporting to ${variant} image format`,
        export: (ctx, input) => exportArchive(tools, ctx, { variant, options, input }),
      };
    },
  }));

function archiveAttributes(variant: Variant, attributes: ReadonlyMap<string, string>, index: number): ArchiveOptions {
  const { options, rest } = documentAttributes(attributes, { ociTypes: variant === 'oci', inlineAttestations: false, whole: true });
  const left = new Map(rest);
  const [name = '', tar = 'true'] = ['name', 'tar'].map((key) => left.get(key));
  for (const key of ['name', 'tar', 'dest']) left.delete(key);
  refuseUnknown(variant, left);
  return { ...options, names: splitNames(name), tar: booleanOf('tar', tar), index };
}

async function exportArchive(
  tools: ArchiveTools,
  ctx: CallContext,
  { variant, options, input }: { readonly variant: Variant; readonly options: ArchiveOptions; readonly input: ExportInput },
): Promise<ReadonlyMap<string, string>> {
  if (variant === 'docker' && [...input.result.outcomes.keys()].some((id) => id !== ''))
    throw invalidArgument('docker exporter does not currently support exporting manifest lists');
  const { services } = tools;
  return underLease(services, ctx, async (leased) => {
    const told = input.result.metadata.get('image.name')?.toString() ?? '';
    const asked = options.names.length === 1 && options.names[0] === '*' ? splitNames(told) : options.names;
    const names = asked.map((name) => formatReference(withDefaultTag(parseReference(name))));
    const documents = await writeDocuments(tools, leased, input, options, names);
    const root = created(documents.root, options.epoch);
    const response = answer({ ...documents, root }, names);
    if (options.tar)
      await during(input.progress, 'sending tarball', () =>
        input.sessions.any((session) =>
          sendFile(ctx, session, { index: options.index, about: response }, archive(services, leased, { documents, root, names, variant })),
        ),
      );
    else await input.sessions.any((session) => copyToClient(services, leased, session, documents));
    return response;
  });
}

const CREATED = 'org.opencontainers.image.created';

function created(root: Descriptor, epoch: number | undefined): Descriptor {
  const time = new Date(epoch === undefined ? Date.now() : epoch * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  return { ...root, annotations: { [CREATED]: time, ...root.annotations } };
}
