import type { DriverData, OCIDescriptor, OCIPlatform } from '@gantry/api/gantry/engine/v1/types';
import { type Codec, int64, list, map, omitEmpty, optional, struct, text } from '../json/codec';
import { absent } from './container-config';

export const ociPlatform: Codec<OCIPlatform> = struct<OCIPlatform>('Platform', {
  architecture: text,
  os: text,
  'os.version': omitEmpty(text),
  'os.features': list(text, 'omit'),
  variant: omitEmpty(text),
});

export const ociDescriptor: Codec<OCIDescriptor> = struct<OCIDescriptor>('Descriptor', {
  mediaType: text,
  digest: text,
  size: int64(),
  urls: list(text, 'omit'),
  annotations: map(text, 'omit'),
  data: absent(optional(text)),
  platform: absent(optional(ociPlatform)),
  artifactType: absent(optional(text)),
});

export const driverData: Codec<DriverData> = struct<DriverData>('DriverData', { Name: text, Data: map(text, 'null') });
