import { type Descriptor, type Index, mediaTypes } from '@gantry/oci';
import { dataLoss } from '@gantry/rpc';
import { parseIndex } from './manifest';
import { refusal } from './errors';
import { readBody, type Response } from './http';

/** What refers to a manifest: a signature, a list of parts. */
export interface Referrer extends Descriptor {
  readonly artifactType?: string;
}

const LIMIT = 4 << 20;
const PAGES = 100;

/** The tag that stands in for the referrers call at registries without it (OCI distribution, "referrers tag schema"). */
export const fallbackTag = (digest: string): string => digest.replace(':', '-');

export interface ReferrersReader {
  get(rest: string, headers: Readonly<Record<string, string>>): Promise<Response>;
  /** Undefined: no such tag. */
  index(tag: string): Promise<Index | undefined>;
}

/** Referrers of a manifest, of one artifact type or (empty) of all. An unknown manifest has none. */
export async function fetchReferrers(reader: ReferrersReader, digest: string, artifactType: string): Promise<Referrer[]> {
  const found: Referrer[] = [];
  const query = artifactType === '' ? '' : `?artifactType=${encodeURIComponent(artifactType)}`;
  let next: string | undefined = `referrers/${digest}${query}`;
  for (let pages = 0; next !== undefined; pages++) {
    if (pages === PAGES) throw dataLoss(`referrers of ${digest} have more than ${PAGES} pages`);
    const response: Response = await reader.get(next, { Accept: mediaTypes.ociIndex });
    if (response.status !== 200) {
      // No such call here: 404 by the specification, other refusals by registries that know it for something else.
      if (pages > 0 || response.status >= 500 || response.status === 401 || response.status === 403 || response.status === 429)
        throw await refusal(response, `referrers of ${digest}`);
      response.body.resume();
      return suiting(((await reader.index(fallbackTag(digest)))?.manifests ?? []) as Referrer[], artifactType);
    }
    found.push(
      ...(parseIndex(await readBody(response, LIMIT, `referrers of ${digest}`), `referrers of ${digest}`).manifests as Referrer[]),
    );
    next = /<[^>]*(referrers\/[^>]*)>\s*;\s*rel="?next"?/.exec(String(response.headers['link'] ?? ''))?.[1];
  }
  return suiting(found, artifactType);
}

const suiting = (referrers: readonly Referrer[], artifactType: string): Referrer[] =>
  referrers.filter((referrer) => artifactType === '' || referrer.artifactType === artifactType);

/** Adds a referrer to the fallback tag, once. */
export async function addToFallback(
  registry: { index(tag: string): Promise<Index | undefined>; put(tag: string, index: Index): Promise<void> },
  digest: string,
  referrer: Referrer,
): Promise<void> {
  const tag = fallbackTag(digest);
  const manifests = (await registry.index(tag))?.manifests ?? [];
  if (manifests.some((entry) => entry.digest === referrer.digest)) return;
  await registry.put(tag, { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [...manifests, referrer] });
}
