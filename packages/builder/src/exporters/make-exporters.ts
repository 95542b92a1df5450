import type { Registries } from '@gantry/registry';
import type { Refs } from '../refs/ref';
import { pushImage } from '../registry/push-image';
import type { Services } from '../worker/services';
import { makeArchiveExporters } from './archive/archive-exporter';
import type { Exporter } from './exporter';
import { makeImageExporters, type Pusher } from './image/image-exporter';
import { makeLocalExporter } from './local/local-exporter';
import { makeTarExporter } from './tar/tar-exporter';

export interface ExporterNeeds {
  readonly services: Services;
  readonly refs: Refs;
  readonly registries: Pick<Registries, 'forPush'>;
}

/** All kinds of exporters. */
export function makeExporters({ services, refs, registries }: ExporterNeeds): readonly Exporter[] {
  const pusher: Pusher = {
    push: (ctx, { name, documents: { root, blobs }, options }, input) =>
      pushImage({ services, registries }, ctx, { name, root, blobs, byDigest: options.pushByDigest, insecure: options.insecure }, input),
  };
  return [
    ...makeImageExporters({ services, refs, pusher }),
    ...makeArchiveExporters({ services, refs }),
    makeTarExporter(refs),
    makeLocalExporter(refs),
  ];
}
