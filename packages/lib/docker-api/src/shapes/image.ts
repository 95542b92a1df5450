import type {
  ImageConfig,
  ImageDeleteResponseItem,
  ImageHistoryResponseItem,
  ImageInspect,
  ImageManifestSummary,
  ImageSummary,
} from '@gantry/api/gantry/engine/v1/types';
import type { ApiVersion } from '../version';
import { type Codec, exactNumber, flag, int64, list, map, omitEmpty, optional, struct, text, versioned } from '../json/codec';
import { member, nullableStrings } from '../json/wrapped';
import { absent, healthConfig } from './container-config';
import { driverData, ociDescriptor, ociPlatform } from './descriptor';

const stringsOrAbsent = absent(nullableStrings);

/** The image configuration as 1.50 shows it: only what is set. */
const imageConfig: Codec<ImageConfig> = struct<ImageConfig>('DockerOCIImageConfig', {
  User: omitEmpty(text),
  ExposedPorts: map(member, 'omit'),
  Env: list(text, 'omit'),
  Cmd: stringsOrAbsent,
  Healthcheck: absent(optional(healthConfig)),
  ArgsEscaped: absent(optional(flag)),
  Volumes: map(member, 'omit'),
  WorkingDir: omitEmpty(text),
  Entrypoint: stringsOrAbsent,
  OnBuild: list(text, 'omit'),
  Labels: map(text, 'omit'),
  StopSignal: absent(optional(text)),
  Shell: list(text, 'omit'),
});

/** Before 1.50 the image's configuration had the form of a container's, with everything that does not apply empty. */
const legacyConfig = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: '',
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

function writeConfig(value: ImageConfig | undefined, version: ApiVersion): unknown {
  const written = value === undefined ? {} : (imageConfig.write(value, version) as object);
  return version.atLeast('1.50') ? written : { ...legacyConfig, ...written };
}

const manifest: Codec<ImageManifestSummary> = struct<ImageManifestSummary>('ManifestSummary', {
  ID: text,
  Descriptor: optional(ociDescriptor),
  Available: flag,
  Size: optional(struct('ManifestSize', { Content: int64(), Total: int64() })),
  Kind: text,
  ImageData: absent(
    optional(
      struct('ImageProperties', {
        Platform: optional(ociPlatform),
        Size: optional(struct('ImageSize', { Unpacked: int64() })),
        Containers: list(text, 'empty'),
      }),
    ),
  ),
  AttestationData: absent(optional(struct('AttestationProperties', { For: text }))),
});

const inspectFields = struct<ImageInspect>('InspectResponse', {
  Id: text,
  Descriptor: versioned(absent(optional(ociDescriptor)), { from: '1.48' }),
  Manifests: versioned(list(manifest, 'omit'), { from: '1.48' }),
  RepoTags: list(text, 'empty'),
  RepoDigests: list(text, 'empty'),
  Parent: text,
  Comment: text,
  Created: absent(optional(text)),
  DockerVersion: text,
  Author: text,
  Config: { ...optional(imageConfig), write: writeConfig },
  Architecture: text,
  Variant: absent(optional(text)),
  Os: text,
  OsVersion: absent(optional(text)),
  Size: int64(),
  GraphDriver: { ...optional(driverData), write: (value, version) => driverData.write(value ?? { Name: '', Data: {} }, version) },
  RootFS: optional(struct('RootFS', { Type: text, Layers: list(text, 'omit') })),
  Metadata: optional(
    struct('Metadata', {
      LastTagTime: { ...optional(text), write: (value?: string) => (value === undefined || value === '' ? '0001-01-01T00:00:00Z' : value) },
    }),
  ),
});

/** image.InspectResponse: GET /images/{name}/json. */
export function writeImageInspect(image: ImageInspect, version: ApiVersion): object {
  const written = inspectFields.write(image, version) as object;
  return version.atLeast('1.44') ? written : { ...written, VirtualSize: exactNumber(image.Size) };
}

const summaryFields = struct<ImageSummary>('Summary', {
  Id: text,
  ParentId: text,
  RepoTags: list(text, 'empty'),
  RepoDigests: list(text, 'empty'),
  Created: int64(),
  Size: int64(),
  SharedSize: int64(),
  Labels: map(text, 'null'),
  Containers: int64(),
  Manifests: versioned(list(manifest, 'omit'), { from: '1.47' }),
  Descriptor: versioned(absent(optional(ociDescriptor)), { from: '1.48' }),
});

/** image.Summary: one line of `docker images`. An image without names was shown with `<none>` before 1.43. */
export function writeImageSummary(image: ImageSummary, version: ApiVersion): object {
  const named =
    version.atLeast('1.43') || image.RepoTags.length > 0 || image.RepoDigests.length > 0
      ? image
      : { ...image, RepoTags: ['<none>:<none>'], RepoDigests: ['<none>@<none>'] };
  const written = summaryFields.write(named, version) as object;
  return version.atLeast('1.44') ? written : { ...written, VirtualSize: exactNumber(image.Size) };
}

export const imageHistoryItem: Codec<ImageHistoryResponseItem> = struct<ImageHistoryResponseItem>('HistoryResponseItem', {
  Id: text,
  Created: int64(),
  CreatedBy: text,
  Tags: list(text),
  Size: int64(),
  Comment: text,
});

export const imageDeleteItem: Codec<ImageDeleteResponseItem> = struct<ImageDeleteResponseItem>('DeleteResponse', {
  Untagged: omitEmpty(text),
  Deleted: omitEmpty(text),
});
