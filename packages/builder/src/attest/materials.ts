import { familiarName, formatPlatform, parseReference, withDefaultTag } from '@gantry/oci';
import type { Capture, ImageMaterial } from './capture';

export interface Material {
  readonly uri: string;
  readonly digest: Readonly<Record<string, string>>;
}

export function materialsOf({ images, git, http }: Pick<Capture, 'images' | 'git' | 'http'>): Material[] {
  return [
    ...images.map((image) => ({ uri: imageUrl(image), digest: digestSet(image.digest) })),
    ...git.map(({ url, commit }) => ({ uri: url, digest: { [commit.length === 64 ? 'sha256' : 'sha1']: commit } })),
    ...http.map(({ url, digest }) => ({ uri: url, digest: digestSet(digest) })),
  ];
}

/** The material that a context's URL is, if it is one. */
export function materialAt(materials: readonly Material[], uri: string): Material | undefined {
  return materials.find((material) => material.uri === uri);
}

function digestSet(digest: string): Record<string, string> {
  const colon = digest.indexOf(':');
  return colon < 0 ? {} : { [digest.slice(0, colon)]: digest.slice(colon + 1) };
}

/** The image as a package URL. */
function imageUrl({ reference: text, platform, local }: ImageMaterial): string {
  const parsed = parseReference(text);
  const reference = parsed.digest === undefined ? withDefaultTag(parsed) : parsed;
  const qualifiers = [
    ...(reference.digest === undefined ? [] : [`digest=${encodeURIComponent(reference.digest)}`]),
    ...(platform === undefined ? [] : [`platform=${encodeURIComponent(formatPlatform(platform))}`]),
  ];
  const version = reference.tag === undefined ? '' : `@${encodeURIComponent(reference.tag)}`;
  const path = familiarName(reference).split('/').map(encodeURIComponent).join('/');
  return `pkg:${local ? 'oci' : 'docker'}/${path}${version}${qualifiers.length === 0 ? '' : `?${qualifiers.join('&')}`}`;
}
