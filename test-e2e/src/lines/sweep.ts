import { callApi, type Engine } from '../harness';

/** Takes away all that lines left on an engine: containers, networks, volumes, images but the ones that are kept. */
export async function sweep(engine: Engine, kept: ReadonlySet<string>): Promise<void> {
  const get = async <T>(path: string): Promise<T> => JSON.parse((await callApi(engine, 'GET', path)).body) as T;
  const away = (path: string) => callApi(engine, 'DELETE', path);
  for (const { Id } of await get<{ Id: string }[]>('/containers/json?all=1')) await away(`/containers/${Id}?force=1&v=1`);
  for (const { Name, Id } of await get<{ Name: string; Id: string }[]>('/networks'))
    if (!['bridge', 'host', 'none'].includes(Name)) await away(`/networks/${Id}`);
  for (const { Name } of (await get<{ Volumes: { Name: string }[] | null }>('/volumes')).Volumes ?? [])
    await away(`/volumes/${Name}?force=1`);
  for (const { Id, RepoTags } of await imagesOf(engine)) {
    const extra = (RepoTags ?? []).filter((tag) => !kept.has(tag));
    for (const tag of extra) await away(`/images/${tag}?force=1`);
    if (!kept.has(Id) && extra.length === 0) await away(`/images/${Id}?force=1`);
  }
}

const imagesOf = async (engine: Engine): Promise<{ Id: string; RepoTags: string[] | null }[]> =>
  JSON.parse((await callApi(engine, 'GET', '/images/json')).body) as { Id: string; RepoTags: string[] | null }[];

/** Names and ids of the images that an engine has now. */
export const namesOfImages = async (engine: Engine): Promise<ReadonlySet<string>> =>
  new Set((await imagesOf(engine)).flatMap(({ Id, RepoTags }) => [Id, ...(RepoTags ?? [])]));
