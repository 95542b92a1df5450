import { readFileSync } from 'node:fs';
import { CheckedClient } from './client';
import type { Specification } from './specification';

export interface ImageSurroundings {
  readonly socketPath: string;
  /** Archive of many:1, an image for linux on amd64, arm64 and riscv64. */
  readonly archive: string;
  /** host:port of a registry that answers searches, too. */
  readonly registry: string;
}

/** Asks every operation on images and at registries with every parameter that the version describes, the errors included. */
export async function walkImages(
  { socketPath, archive, registry }: ImageSurroundings,
  specification: Specification,
): Promise<CheckedClient> {
  const client = new CheckedClient(socketPath, specification);
  const since = (version: string): boolean => Number(specification.version.slice(2)) >= Number(version.slice(2));
  const query = (values: Record<string, string | readonly string[]>): string => {
    const result = new URLSearchParams();
    for (const [key, value] of Object.entries(values)) for (const each of [value].flat()) result.append(key, each);
    return `?${result.toString()}`;
  };
  const json = (value: unknown): string => JSON.stringify(value);
  const arm = json({ os: 'linux', architecture: 'arm64' });
  const auth = { 'X-Registry-Auth': Buffer.from('{}').toString('base64url') };
  const name = `${registry}/swagger/many`;
  const tag = specification.version;

  await client.ask('POST', `/images/load${query({ quiet: '0', ...(since('1.48') ? { platform: arm } : {}) })}`, {
    body: readFileSync(archive),
  });
  if (since('1.48')) await client.ask('DELETE', '/images/many:1?force=1');
  await client.ask('POST', '/images/load?quiet=1', { body: readFileSync(archive) });
  await client.ask('POST', `/images/many:1/tag${query({ repo: name, tag })}`);

  await client.ask(
    'GET',
    `/images/json${query({ all: '1', digests: '1', filters: json({ reference: ['many', name], dangling: ['false'] }) })}`,
  );
  if (since('1.47')) await client.ask('GET', `/images/json${query({ manifests: '1', 'shared-size': '1' })}`);
  await client.ask('GET', '/images/many:1/json');
  if (since('1.48')) await client.ask('GET', '/images/many:1/json?manifests=1');
  if (since('1.49')) await client.ask('GET', `/images/many:1/json${query({ platform: arm })}`);
  if (since('1.49')) await client.ask('GET', `/images/many:1/json${query({ platform: arm, manifests: '1' })}`); // refused: one or the other
  await client.ask('GET', `/images/many:1/history${since('1.48') ? query({ platform: arm }) : ''}`);
  await client.ask('GET', `/images/many:1/get${since('1.48') ? query({ platform: arm }) : ''}`);
  await client.ask('GET', `/images/get${query({ names: ['many:1', 'busybox'] })}`);
  if (since('1.48')) await client.ask('GET', `/images/get${query({ names: 'many:1', platform: arm })}`);

  await client.ask('POST', `/images/${name}/push${query({ tag, ...(since('1.46') ? { platform: arm } : {}) })}`, { headers: auth });
  await client.ask('POST', `/images/${name}/push${query({ tag })}`, { headers: auth });
  await client.ask('GET', `/distribution/${name}:${tag}/json`, { headers: auth });
  await client.ask('GET', `/distribution/${registry}/nothing/json`, { headers: auth });
  await client.ask('DELETE', `/images/${name}:${tag}${query({ force: '0', noprune: '1' })}`);
  await client.ask('DELETE', `/images/many:1`);
  await client.ask('POST', `/images/create${query({ fromImage: name, tag, platform: 'linux/arm64' })}`, { headers: auth });
  await client.ask('POST', `/images/create${query({ fromImage: name, tag })}`);
  if (since('1.50')) await client.ask('DELETE', `/images/${name}:${tag}${query({ platforms: arm, force: '1' })}`);
  await client.ask('DELETE', `/images/${name}:${tag}`);
  await client.ask('DELETE', `/images/${name}:${tag}`);
  await client.ask('POST', `/images/create${query({ fromImage: `${registry}/nothing`, tag: 'none' })}`);

  const tar = Buffer.alloc(10240);
  await client.ask(
    'POST',
    `/images/create${query({ fromSrc: '-', repo: 'imported', tag, message: 'from a tar', changes: ['CMD ["x"]', 'ENV A=b'], platform: 'linux/amd64' })}`,
    { body: tar },
  );
  const made = await client.ask('POST', '/containers/create', { body: { Image: 'busybox', Cmd: ['true'] } });
  const { Id: id } = made.json() as { Id: string };
  await client.ask(
    'POST',
    `/commit${query({ container: id, repo: 'committed', tag, comment: 'c', author: 'me', pause: '1', changes: 'LABEL a=b' })}`,
    { body: { Cmd: ['y'] } },
  );
  await client.ask('POST', `/commit${query({ container: 'nothing' })}`, { body: {} });
  await client.ask('DELETE', `/containers/${id}`);
  for (const image of ['imported', 'committed']) {
    await client.ask('GET', `/images/${image}:${tag}/json`);
    await client.ask('GET', `/images/${image}:${tag}/history`);
  }
  await client.ask(
    'GET',
    `/images/search${query({ term: `${registry}/many`, limit: '5', filters: json({ 'is-official': ['false'], stars: ['1'] }) })}`,
    { headers: auth },
  );
  await client.ask(
    'POST',
    `/images/prune${query({ filters: json({ dangling: ['false'], until: ['0s'], label: ['a=b'], 'label!': ['kept'] }) })}`,
  ); // the committed one
  await client.ask('DELETE', `/images/imported:${tag}`);
  await client.ask('POST', '/auth', { body: { username: 'a', password: 'b', serveraddress: registry } });
  await client.ask('GET', '/system/df');
  return client;
}

/** Parameters of images and registries that a walk did not give. Building is another matter. */
export function unasked(client: CheckedClient, specification: Specification): string[] {
  return specification
    .tagged('Image', 'Distribution')
    .filter(({ operationId }) => !operationId.startsWith('Build') && operationId !== 'ImageBuild')
    .flatMap(({ operationId, parameters = [] }) => [
      ...(client.asked.has(operationId) ? [] : [operationId]),
      ...parameters
        .filter((parameter) => parameter.in === 'query' || parameter.in === 'header')
        .map((parameter) => `${operationId} ${parameter.name}`)
        .filter((each) => !client.parameters.has(each)),
    ]);
}
