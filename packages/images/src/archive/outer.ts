import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { type DockerArchiveEntry, withoutNulls } from '@gantry/oci';
import { dataLoss } from '@gantry/rpc';
import { decompressor, detectCompression } from '../layers/decompress';
import { peeled } from './host-decompress';
import { readTar, type TarEntry } from '@gantry/oci/tar';

/** Entries of an archive of images, whatever it is compressed with as a whole. */
export async function* archiveEntries(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  yield* readTar(await unpacked(await peeled(source)));
}

/** A name of the archive as it is looked up: relative and normalized; empty for the root. */
export const cleanName = (name: string): string =>
  posix
    .normalize(name)
    .replace(/^(\.\/|\/)+/, '')
    .replace(/^\.$/, '');

/** Older archives hold a layer once and link to it. */
export function followLinks(links: ReadonlyMap<string, string>, path: string): string {
  let at = path;
  for (let hops = 0; hops < 8 && links.has(at); hops++) at = links.get(at) ?? at;
  return at;
}

/** The manifest.json of docker's own form. */
export function parseDockerEntries(bytes: Buffer): DockerArchiveEntry[] {
  let value: unknown;
  try {
    value = withoutNulls(JSON.parse(bytes.toString())) ?? [];
  } catch (cause) {
    throw dataLoss('manifest.json is not JSON', { cause });
  }
  if (!Array.isArray(value)) throw dataLoss('manifest.json is not a list');
  return value.map((entry: Partial<DockerArchiveEntry> | null, at) => {
    const layers: unknown = entry?.Layers ?? [];
    if (typeof entry?.Config !== 'string' || !Array.isArray(layers) || !layers.every((layer) => typeof layer === 'string'))
      throw dataLoss(`entry ${at} of manifest.json is not whole`);
    return { Config: entry.Config, RepoTags: entry.RepoTags ?? null, Layers: layers };
  });
}

async function unpacked(source: AsyncIterable<Buffer>): Promise<AsyncIterable<Buffer>> {
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) throw dataLoss('unrecognized image format');
  const whole = (async function* () {
    yield first.value;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  })();
  const compression = detectCompression(first.value);
  if (compression === 'none') return whole;
  const inflater = decompressor(compression);
  const input = Readable.from(whole, { objectMode: false });
  input.on('error', (error) => inflater.destroy(error));
  return input.pipe(inflater) as AsyncIterable<Buffer>;
}
