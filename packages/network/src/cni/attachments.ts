import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '@gantry/linux';
import { dataLoss, type Logger } from '@gantry/rpc';
import { isObject, type JsonObject, type NetworkList, parseNetworkList } from './config-list';

/** One pod on one network: all that its programs must be told again when it goes, whatever the configuration says then. */
export interface Attachment {
  readonly sandboxId: string;
  readonly interface: string;
  readonly netnsPath: string;
  readonly network: NetworkList;
  /** CNI_ARGS. */
  readonly args: Readonly<Record<string, string>>;
  /** By capability. */
  readonly capabilities: JsonObject;
  /** What the last program answered to ADD; absent while it is being made, and when that failed. */
  readonly result?: JsonObject;
}

const KIND = 'cniCacheV1';

/**
 * What pods are attached to, in files of the reference implementation's form, one each. A file is written before the first program runs, so
 * that whatever a crash leaves half made is known.
 */
export class Attachments {
  readonly #all = new Map<string, Attachment>();

  constructor(private readonly directory: string) {}

  /** Reads what is there. A file that cannot be read is told and left where it is. */
  async load(logger: Logger): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.directory)) {
      const path = join(this.directory, name);
      if (name.endsWith('.new')) await rm(path, { force: true });
      else {
        try {
          const attachment = decode(await readFile(path, 'utf8'));
          this.#all.set(attachment.sandboxId, attachment);
        } catch (error) {
          logger.error({ err: error, path }, 'a record of a pod on a CNI network cannot be read: the pod will not be taken off it');
        }
      }
    }
  }

  get(sandboxId: string): Attachment | undefined {
    return this.#all.get(sandboxId);
  }

  all(): Attachment[] {
    return [...this.#all.values()];
  }

  /** Durable when it resolves. */
  async save(attachment: Attachment): Promise<void> {
    const path = this.#pathOf(attachment);
    const file = await open(`${path}.new`, 'w', 0o600);
    try {
      await file.writeFile(encode(attachment));
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
    await this.#settle();
    this.#all.set(attachment.sandboxId, attachment);
  }

  async remove(attachment: Attachment): Promise<void> {
    await rm(this.#pathOf(attachment), { force: true });
    await this.#settle();
    this.#all.delete(attachment.sandboxId);
  }

  #pathOf({ network, sandboxId, interface: name }: Attachment): string {
    return join(this.directory, `${network.name}-${sandboxId}-${name}`);
  }

  async #settle(): Promise<void> {
    const folder = await open(this.directory, 'r');
    try {
      await folder.sync();
    } catch (error) {
      if (!hasCode(error, 'EINVAL')) throw error; // a file system that does not know it
    } finally {
      await folder.close();
    }
  }
}

function encode({ sandboxId, network, args, capabilities, result, netnsPath, interface: ifName }: Attachment): string {
  return JSON.stringify({
    kind: KIND,
    containerId: sandboxId,
    config: Buffer.from(JSON.stringify(listOf(network))).toString('base64'),
    ifName,
    networkName: network.name,
    netns: netnsPath,
    cniArgs: Object.entries(args),
    capabilityArgs: capabilities,
    ...(result === undefined ? {} : { result }),
  });
}

/** A network as its configuration list would be written. */
export const listOf = (network: NetworkList): JsonObject => ({
  cniVersion: network.version,
  name: network.name,
  disableCheck: network.disableCheck,
  disableGC: network.disableGc,
  loadOnlyInlinedPlugins: true,
  plugins: network.plugins.map(({ config }) => config),
});

function decode(text: string): Attachment {
  const { kind, containerId, config, ifName, netns, cniArgs, capabilityArgs, result } = JSON.parse(text) as Record<string, unknown>;
  if (
    kind !== KIND ||
    typeof containerId !== 'string' ||
    typeof ifName !== 'string' ||
    typeof config !== 'string' ||
    !Array.isArray(cniArgs)
  )
    throw dataLoss(`it is no ${KIND}`);
  return {
    sandboxId: containerId,
    interface: ifName,
    netnsPath: typeof netns === 'string' ? netns : '',
    network: parseNetworkList(Buffer.from(config, 'base64').toString(), { list: true }),
    args: Object.fromEntries(cniArgs as [string, string][]),
    capabilities: isObject(capabilityArgs) ? capabilityArgs : {},
    ...(isObject(result) ? { result } : {}),
  };
}
