import { type Descriptor, isIndex, isManifest } from '@gantry/oci';
import type { CallContext } from '@gantry/rpc';
import type { StepProgress } from '../../progress/progress';
import type { ReadDocument } from './documents';

/** Where an image is: in the store, at a registry, at a client. */
export interface ImagePlace {
  /** What the reference names there. */
  readonly root: Descriptor;
  /** Reads a document and checks it against its digest. */
  readonly read: (ctx: CallContext) => ReadDocument;
  /** Brings a layer into the content store. */
  fetch(ctx: CallContext, layer: Descriptor, progress: StepProgress | undefined): Promise<void>;
}

/** Whether registries keep it among manifests, not among blobs. */
export const isDocument = ({ mediaType }: Pick<Descriptor, 'mediaType'>): boolean => isIndex(mediaType) || isManifest(mediaType);
