import type { Volume, VolumeCreateOptions } from '@gantry/api/gantry/engine/v1/types';
import { type Codec, int64, map, omitEmpty, optional, struct, text } from '../json/codec';
import { member } from '../json/wrapped';
import { absent } from './container-config';

export const volume: Codec<Volume> = struct<Volume>('Volume', {
  CreatedAt: omitEmpty(text),
  Driver: text,
  Labels: map(text, 'null'),
  Mountpoint: text,
  Name: text,
  Options: map(text, 'null'),
  Scope: text,
  Status: map(member, 'omit'),
  UsageData: absent(optional(struct('UsageData', { RefCount: int64(), Size: int64() }))),
});

export const volumeCreate: Codec<VolumeCreateOptions> = struct<VolumeCreateOptions>(
  'CreateOptions',
  { Name: text, Driver: text, DriverOpts: map(text), Labels: map(text) },
  { goType: 'volume.CreateOptions' },
);
