import type { Mount, MountPoint } from '@gantry/api/gantry/engine/v1/types';
import { type Codec, flag, int64, list, map, omitEmpty, optional, struct, text } from '../json/codec';
import { stringRow } from '../json/wrapped';
import { absent } from './container-config';

/** mount.Mount: what --mount asks for. */
export const mount: Codec<Mount> = struct<Mount>('Mount', {
  Type: omitEmpty(text),
  Source: omitEmpty(text),
  Target: omitEmpty(text),
  ReadOnly: omitEmpty(flag),
  Consistency: omitEmpty(text),
  BindOptions: absent(
    optional(
      struct('BindOptions', {
        Propagation: omitEmpty(text),
        NonRecursive: omitEmpty(flag),
        CreateMountpoint: omitEmpty(flag),
        ReadOnlyNonRecursive: omitEmpty(flag),
        ReadOnlyForceRecursive: omitEmpty(flag),
      }),
    ),
  ),
  VolumeOptions: absent(
    optional(
      struct('VolumeOptions', {
        NoCopy: omitEmpty(flag),
        Labels: map(text, 'omit'),
        Subpath: omitEmpty(text),
        DriverConfig: absent(optional(struct('Driver', { Name: omitEmpty(text), Options: map(text, 'omit') }))),
      }),
    ),
  ),
  ImageOptions: absent(optional(struct('ImageOptions', { Subpath: omitEmpty(text) }))),
  TmpfsOptions: absent(
    optional(struct('TmpfsOptions', { SizeBytes: omitEmpty(int64()), Mode: omitEmpty(int64('uint32')), Options: list(stringRow, 'omit') })),
  ),
});

/** container.MountPoint: what a container has. */
export const mountPoint: Codec<MountPoint> = struct<MountPoint>('MountPoint', {
  Type: omitEmpty(text),
  Name: omitEmpty(text),
  Source: text,
  Destination: text,
  Driver: omitEmpty(text),
  Mode: text,
  RW: flag,
  Propagation: text,
});
