import { familiarName, formatPlatform, parseReference, type Platform, withDefaultTag } from '@gantry/oci';

/** An image name as a package URL, as in-toto's subjects name images. */
export function packageUrl(name: string, platform: Platform): string {
  const reference = withDefaultTag(parseReference(name));
  const path = familiarName(reference).split('/').map(encodeURIComponent).join('/');
  const version = reference.tag === undefined ? '' : `@${encodeURIComponent(reference.tag)}`;
  const digest = reference.digest === undefined ? '' : `digest=${encodeURIComponent(reference.digest)}&`;
  return `pkg:docker/${path}${version}?${digest}platform=${encodeURIComponent(formatPlatform(platform))}`;
}
