import { callApi, type Engine } from '../harness';

interface Listed {
  readonly Id: string;
}
interface Inspected {
  readonly Name: string;
  readonly State: { readonly Status: string };
  readonly ExecIDs: readonly string[] | null;
  readonly HostConfig: { readonly Memory: number };
  readonly Mounts: readonly { readonly Type: string; readonly Name: string; readonly Destination: string }[];
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, readonly { readonly HostPort: string }[] | null>>;
    readonly Networks: Readonly<Record<string, { readonly Aliases: readonly string[] | null; readonly IPAddress: string }>>;
  };
}

const get = async <T>(engine: Engine, path: string): Promise<T> => {
  const { status, body } = await callApi(engine, 'GET', path);
  if (status !== 200) throw new Error(`GET ${path}: ${status} ${body}`);
  return JSON.parse(body) as T;
};

/** All that a user sees of an engine, a line for each thing, without ids: the same before and after means that nothing was done. */
export async function shown(engine: Engine): Promise<string> {
  const [containers, { Volumes: volumes }, networks, images] = await Promise.all([
    get<Listed[]>(engine, '/containers/json?all=1'),
    get<{ Volumes: { Name: string }[] | null }>(engine, '/volumes'),
    get<{ Name: string; Id: string }[]>(engine, '/networks'),
    get<{ RepoTags: string[] }[]>(engine, '/images/json'),
  ]);
  const lines = await Promise.all(containers.map(({ Id }) => ofContainer(engine, Id)));
  for (const { Name } of volumes ?? []) lines.push(`volume ${nameOf(Name)}`);
  const members = await Promise.all(
    networks.map(({ Id }) => get<{ Containers: Record<string, { Name: string }> }>(engine, `/networks/${Id}`)),
  );
  networks.forEach(({ Name }, index) => {
    const names = Object.values(members[index]?.Containers ?? {}).map((member) => member.Name);
    lines.push(`network ${Name} of ${names.sort().join(' ') || 'nobody'}`);
  });
  for (const { RepoTags } of images) lines.push(`image ${[...RepoTags].sort().join(' ')}`);
  return lines.sort().join('\n');
}

async function ofContainer(engine: Engine, id: string): Promise<string> {
  const { Name, State, ExecIDs, HostConfig, Mounts, NetworkSettings } = await get<Inspected>(engine, `/containers/${id}/json`);
  const mounts = Mounts.map((mount) => `${mount.Type} ${nameOf(mount.Name)} on ${mount.Destination}`).sort();
  const networks = Object.entries(NetworkSettings.Networks).map(
    ([network, { Aliases, IPAddress }]) =>
      `${network} as ${(Aliases ?? []).filter((alias) => !id.startsWith(alias)).join(' ')}${IPAddress === '' ? '' : ' with an address'}`,
  );
  const ports = Object.entries(NetworkSettings.Ports).map(
    ([port, to]) => `${port} at ${(to ?? []).map(({ HostPort }) => HostPort).join(' ')}`,
  );
  return [
    `container ${Name} ${State.Status}`,
    `memory ${HostConfig.Memory}`,
    `execs ${ExecIDs?.length ?? 0}`,
    ...mounts,
    ...networks.sort(),
    ...ports.sort(),
  ].join(', ');
}

/** Names that are chosen at random differ each time. */
const nameOf = (name: string): string => (/^[0-9a-f]{64}$/.test(name) ? 'anonymous' : name);
