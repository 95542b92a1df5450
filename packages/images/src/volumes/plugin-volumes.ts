import { internal, isErrorOf, notFound } from '@gantry/rpc';
import type { PluginClient, Plugins } from '@gantry/service/plugins';
import type { Labels } from '../store/labels';

/** A volume as its plugin tells of it. */
export interface PluginVolume {
  readonly name: string;
  readonly driver: string;
  /** Empty: it is mounted nowhere. */
  readonly mountpoint: string;
  /** Micros since the epoch; 0: the plugin does not say. */
  readonly created: number;
}

type Answer = Readonly<Record<string, unknown>>;

/** Volumes of Docker's plugins, in the words of their protocol. */
export class PluginVolumes {
  /** What drivers have said of themselves: they are asked once. */
  private readonly scopes = new Map<string, string>();

  constructor(private readonly plugins: Pick<Plugins, 'get' | 'getSoon' | 'names'>) {}

  /** Errors: notFound for a driver that is not there; what the plugin says. */
  async create(driver: string, name: string, options: Labels): Promise<void> {
    await this.ask(driver, 'Create', { Name: name, Opts: options }, `create ${name}`);
  }

  /** Undefined: the plugin has none of that name. Errors, told of `what` is done: notFound for a driver that is not there. */
  async get(driver: string, name: string, what = `get ${name}`): Promise<PluginVolume | undefined> {
    const client = await this.driver(driver, what);
    const { Err, Volume } = await client.ask('VolumeDriver.Get', { Name: name });
    return textOf(Err) === '' ? volumeOf(client, Volume) : undefined;
  }

  /** The driver's name in full: a managed one may be called without its tag. One that is starting is waited for. Errors: notFound for one that does not come. */
  async nameOf(driver: string, what: string): Promise<string> {
    return (await this.driver(driver, what, 'getSoon')).name;
  }

  /** Where the volume is reached from wherever the cluster is, or from this host alone. */
  async scope(driver: string): Promise<string> {
    const known = this.scopes.get(driver);
    if (known !== undefined) return known;
    const client = await this.driver(driver, 'capabilities');
    const { Capabilities } = await client.ask('VolumeDriver.Capabilities', {}).catch((): Answer => ({}));
    const scope = textOf(objectOf(Capabilities)['Scope']) === 'global' ? 'global' : 'local';
    this.scopes.set(driver, scope);
    return scope;
  }

  /** The path that it is mounted at, for one container. A plugin that is starting is waited for. */
  async mount(driver: string, name: string, container: string): Promise<string> {
    await this.driver(driver, `mount ${name}`, 'getSoon');
    const { Mountpoint } = await this.ask(driver, 'Mount', { Name: name, ID: container }, `mount ${name}`);
    const path = textOf(Mountpoint);
    if (!path.startsWith('/')) throw internal(`mount ${name}: plugin ${driver} gave the mountpoint ${JSON.stringify(path)}`);
    return (await this.driver(driver, `mount ${name}`)).onHost(path);
  }

  async unmount(driver: string, name: string, container: string): Promise<void> {
    await this.ask(driver, 'Unmount', { Name: name, ID: container }, `unmount ${name}`);
  }

  async remove(driver: string, name: string): Promise<void> {
    await this.ask(driver, 'Remove', { Name: name }, `remove ${name}`);
  }

  /** All that the plugins have; one that cannot tell has none. */
  async list(): Promise<readonly PluginVolume[]> {
    return (
      await this.ofAll(async (_driver, client) => {
        const { Volumes } = await client.ask('VolumeDriver.List', {});
        return Array.isArray(Volumes) ? Volumes.flatMap((volume) => volumeOf(client, volume) ?? []) : [];
      })
    ).flat();
  }

  /** The volume of whichever plugin has it. */
  async find(name: string): Promise<PluginVolume | undefined> {
    return (await this.ofAll((driver) => this.get(driver, name))).find((found) => found !== undefined);
  }

  /** Asks all plugins that keep volumes at once. */
  private async ofAll<T>(use: (driver: string, client: PluginClient) => Promise<T>): Promise<readonly T[]> {
    const answers = (await this.plugins.names()).map(async (driver) => use(driver, await this.plugins.get(driver, 'VolumeDriver')));
    return (await Promise.allSettled(answers)).flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  private async ask(driver: string, verb: string, body: object, what: string): Promise<Answer> {
    const client = await this.driver(driver, what);
    const answer = await client.ask(`VolumeDriver.${verb}`, body);
    const said = textOf(answer['Err']);
    if (said !== '') throw internal(`${what}: ${said}`);
    return answer;
  }

  private async driver(name: string, what: string, how: 'get' | 'getSoon' = 'get'): Promise<PluginClient> {
    try {
      return await this.plugins[how](name, 'VolumeDriver');
    } catch (error) {
      if (isErrorOf(error, 'notFound'))
        throw notFound(`${what}: error looking up volume plugin ${name}: plugin "${name}" not found`, { cause: error });
      throw error;
    }
  }
}

function volumeOf(plugin: Pick<PluginClient, 'name' | 'onHost'>, value: unknown): PluginVolume | undefined {
  const { Name, Mountpoint, CreatedAt } = objectOf(value);
  const name = textOf(Name);
  const path = textOf(Mountpoint);
  if (name === '') return undefined;
  const created = Date.parse(textOf(CreatedAt));
  return {
    name,
    driver: plugin.name,
    mountpoint: path === '' ? '' : plugin.onHost(path),
    created: Number.isNaN(created) ? 0 : created * 1000,
  };
}

const objectOf = (value: unknown): Answer =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Answer) : {};
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
