import { createReadStream, rmSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { extract } from 'tar-stream';

interface Described {
  readonly digest: string;
  readonly platform?: { readonly os: string; readonly architecture: string };
}
interface Config {
  readonly os: string;
  readonly architecture: string;
  readonly author?: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly history?: readonly { readonly created_by?: string }[];
}

/** The documents of an archive of OCI's layout, by the names of their files. */
export async function documentsOf(tar: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const reader = extract();
  createReadStream(tar).pipe(reader);
  for await (const entry of reader) files.set(entry.header.name, await buffer(entry));
  return files;
}

/** Manifests of an archive, each with its platform. */
export async function manifestsOf(tar: string): Promise<readonly Described[]> {
  const files = await documentsOf(tar);
  const [root] = read<{ manifests: Described[] }>(files, 'index.json').manifests;
  const index = read<{ manifests?: Described[] }>(files, blob(root));
  return index.manifests ?? [root as Described];
}

/** Config and history of an archive's only image, as the Engine API tells them; the archive is removed. */
export async function configOf(tar: string): Promise<{ readonly config: unknown; readonly history: readonly string[] }> {
  const files = await documentsOf(tar);
  rmSync(tar);
  let [found] = read<{ manifests: Described[] }>(files, 'index.json').manifests;
  const nested = read<{ manifests?: Described[] }>(files, blob(found)).manifests;
  if (nested !== undefined) [found] = nested;
  const manifest = read<{ config: Described }>(files, blob(found));
  const { os, architecture, author = '', config, history = [] } = read<Config>(files, blob(manifest.config));
  const absent = { Cmd: null, Entrypoint: null, Labels: null, OnBuild: null, User: '', Volumes: null, WorkingDir: '' };
  return {
    config: { ...absent, ...config, Os: os, Architecture: architecture, Author: author },
    history: history.map((line) => line.created_by ?? '').reverse(),
  };
}

const blob = (about: Described | undefined): string => `blobs/${(about?.digest ?? '').replace(':', '/')}`;

function read<T>(files: ReadonlyMap<string, Buffer>, name: string): T {
  return JSON.parse(files.get(name)?.toString() ?? 'null') as T;
}
