import { type Descriptor, layerCompression, mediaTypes } from '@gantry/oci';
import type { BlobOptions } from '../ref';

const DOCKER_ZSTD = 'application/vnd.docker.image.rootfs.diff.tar.zstd';

const types = {
  uncompressed: { oci: mediaTypes.ociLayer, docker: mediaTypes.dockerLayer },
  gzip: { oci: mediaTypes.ociLayerGzip, docker: mediaTypes.dockerLayerGzip },
  zstd: { oci: mediaTypes.ociLayerZstd, docker: DOCKER_ZSTD },
} as const;

export function mediaTypeOf(compression: BlobOptions['compression'], oci: boolean): string {
  return types[compression][oci ? 'oci' : 'docker'];
}

/** How a layer of this media type is packed; undefined where the type says nothing of it. */
export function compressionOf(mediaType: string): BlobOptions['compression'] | undefined {
  const found = layerCompression(mediaType);
  return found === 'none' ? 'uncompressed' : found;
}

const foreign = {
  uncompressed: {
    oci: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
    docker: 'application/vnd.docker.image.rootfs.foreign.diff.tar',
  },
  gzip: {
    oci: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    docker: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  },
  // Docker has no such type.
  zstd: {
    oci: 'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
    docker: 'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  },
} as const;

/** Whether a layer stays with its makers: it was found at addresses of theirs, and the client wishes to leave it there. */
export const isKeptForeign = ({ urls = [] }: Descriptor, { nondistributable }: Pick<BlobOptions, 'nondistributable'>): boolean =>
  nondistributable === true && urls.length > 0;

/** The same bytes by the convention of media types that is wished for; what is unknown stays what it is. */
export function described(blob: Descriptor, how: Pick<BlobOptions, 'oci' | 'nondistributable'>): Descriptor {
  const { urls, ...rest } = blob;
  const compression = compressionOf(blob.mediaType);
  const kept = isKeptForeign(blob, how);
  const mediaType = compression === undefined ? blob.mediaType : (kept ? foreign : types)[compression][how.oci ? 'oci' : 'docker'];
  return { ...rest, mediaType, ...(kept && urls !== undefined ? { urls } : {}) };
}
