import type { Platform as PbPlatform } from '@gantry/api/pb/ops';
import { formatPlatform, normalizePlatform, parsePlatform, type Platform } from '@gantry/oci';
import type { ImageWish } from '../frontend';

export type { Platform };
export { normalizePlatform, parsePlatform };

/** `linux/arm/v7`, with the system's version where it is known: `windows(10.0.17763)/amd64`. */
export function platformName(platform: Platform): string {
  const version = platform['os.version'] ?? '';
  const name = formatPlatform(platform);
  return version === '' ? name : name.replace('/', `(${version})/`);
}

export function toPb(platform: Platform): PbPlatform {
  return {
    Architecture: platform.architecture,
    OS: platform.os,
    Variant: platform.variant ?? '',
    OSVersion: platform['os.version'] ?? '',
    OSFeatures: [...(platform['os.features'] ?? [])],
  };
}

export function toWish(platform: Platform): NonNullable<ImageWish['platform']> {
  const { os, architecture, variant = '' } = platform;
  return { os, architecture, variant, osVersion: platform['os.version'] ?? '' };
}
