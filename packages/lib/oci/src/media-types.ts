/** Media types of the OCI image specification and of Docker's older manifests. */
export const mediaTypes = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  ociLayerGzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  ociLayerZstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  ociEmpty: 'application/vnd.oci.empty.v1+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerManifestList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerConfig: 'application/vnd.docker.container.image.v1+json',
  dockerLayer: 'application/vnd.docker.image.rootfs.diff.tar',
  dockerLayerGzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

export type Compression = 'none' | 'gzip' | 'zstd';

const layers: Readonly<Record<string, Compression>> = {
  [mediaTypes.ociLayer]: 'none',
  [mediaTypes.ociLayerGzip]: 'gzip',
  [mediaTypes.ociLayerZstd]: 'zstd',
  [mediaTypes.dockerLayer]: 'none',
  [mediaTypes.dockerLayerGzip]: 'gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar': 'none',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip': 'gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd': 'zstd',
  'application/vnd.docker.image.rootfs.foreign.diff.tar': 'none',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip': 'gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd': 'zstd',
};

/** How a layer of this type is packed; undefined when the type is no layer. */
export function layerCompression(mediaType: string): Compression | undefined {
  return Object.hasOwn(layers, mediaType) ? layers[mediaType] : undefined;
}

const FOREIGN = /\.nondistributable\.|\.foreign\./;

/** Whether registries are not to be given layers of this type: their makers keep them (`urls` of the descriptor). */
export const isNondistributable = (mediaType: string): boolean => isLayer(mediaType) && FOREIGN.test(mediaType);

export const isLayer = (mediaType: string): boolean => layerCompression(mediaType) !== undefined;
export const isManifest = (mediaType: string): boolean => mediaType === mediaTypes.ociManifest || mediaType === mediaTypes.dockerManifest;
export const isIndex = (mediaType: string): boolean => mediaType === mediaTypes.ociIndex || mediaType === mediaTypes.dockerManifestList;
export const isConfig = (mediaType: string): boolean => mediaType === mediaTypes.ociConfig || mediaType === mediaTypes.dockerConfig;
