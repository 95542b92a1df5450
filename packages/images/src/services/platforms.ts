import type { Platform as WirePlatform } from '@gantry/api/gantry/images/v1/images';
import { hostPlatform, normalizePlatform, type Platform } from '@gantry/oci';

/** A platform of a request; undefined when none was named. What is left out is the host's. */
export function platformOf(wire: WirePlatform | undefined): Platform | undefined {
  if (wire === undefined || (wire.os === '' && wire.architecture === '')) return undefined;
  const host = hostPlatform();
  return normalizePlatform({
    os: wire.os === '' ? host.os : wire.os,
    architecture: wire.architecture === '' ? host.architecture : wire.architecture,
    ...(wire.variant === '' ? {} : { variant: wire.variant }),
    ...(wire.osVersion === '' ? {} : { 'os.version': wire.osVersion }),
  });
}

export const platformsOf = (wire: readonly WirePlatform[]): Platform[] => wire.flatMap((platform) => platformOf(platform) ?? []);
