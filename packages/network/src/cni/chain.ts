import { failedPrecondition, GantryError, prefixed, unavailable } from '@gantry/rpc';
import type { Attachment } from './attachments';
import type { JsonObject, NetworkList, PluginConfig } from './config-list';
import { type CniCommand, type PluginPlaces, runPlugin } from './run-plugin';
import { isAtLeast } from './version';

/** The programs of a network, called one after the other as the specification has it ("Execution of Network Configurations"). */
export class Chain {
  constructor(private readonly places: PluginPlaces) {}

  /** The last program's answer; each was told the one before it. */
  async add(attachment: Attachment, signal: AbortSignal): Promise<JsonObject> {
    let result: JsonObject | undefined;
    for (const plugin of attachment.network.plugins) {
      const answer = await this.#call('ADD', attachment, plugin, { result, netns: attachment.netnsPath }, signal);
      if (answer === undefined) throw unavailable(`plugin type="${plugin.type}" failed (add): it answered nothing`);
      result = { cniVersion: attachment.network.version, ...answer };
    }
    return result ?? {};
  }

  /** The last program first. `netns` is empty when the namespace is gone. Programs take what was never made for done. */
  async del(attachment: Attachment, netns: string, signal: AbortSignal): Promise<void> {
    const { network } = attachment;
    const result = isAtLeast(network.version, '0.4.0') ? attachment.result : undefined;
    for (const plugin of network.plugins.toReversed()) await this.#call('DEL', attachment, plugin, { result, netns }, signal);
  }

  /** Errors: failedPrecondition before 0.4.0, and for a pod whose ADD gave nothing. */
  async check(attachment: Attachment, signal: AbortSignal): Promise<void> {
    const { network, result, netnsPath } = attachment;
    if (network.disableCheck) return;
    if (!isAtLeast(network.version, '0.4.0'))
      throw failedPrecondition(`configuration version "${network.version}" does not support CHECK command`);
    if (result === undefined) throw failedPrecondition(`sandbox ${attachment.sandboxId} is not whole on network ${network.name}`);
    for (const plugin of network.plugins) await this.#call('CHECK', attachment, plugin, { result, netns: netnsPath }, signal);
  }

  /** Programs give back what belongs to none of these. All are asked; what failed is told together. Nothing before 1.1.0. */
  async collect(network: NetworkList, valid: readonly Attachment[], signal: AbortSignal): Promise<void> {
    if (network.disableGc || !isAtLeast(network.version, '1.1.0')) return;
    const attachments = valid.map((each) => ({ containerID: each.sandboxId, ifname: each.interface }));
    const failures: unknown[] = [];
    for (const plugin of network.plugins) {
      const input = { ...inputOf(network, plugin, {}), 'cni.dev/valid-attachments': attachments };
      await runPlugin(this.places, { type: plugin.type, command: 'GC', variables: {}, input }, signal).catch((error: unknown) =>
        failures.push(error),
      );
    }
    throwAll(failures);
  }

  /** Whether the network's programs would take a pod now. Nothing before 1.1.0. */
  async status(network: NetworkList, signal: AbortSignal): Promise<void> {
    if (!isAtLeast(network.version, '1.1.0')) return;
    for (const plugin of network.plugins)
      await runPlugin(this.places, { type: plugin.type, command: 'STATUS', variables: {}, input: inputOf(network, plugin, {}) }, signal);
  }

  /** Errors: failedPrecondition for a program that is missing or does not speak the network's version. */
  async versions(network: NetworkList, signal: AbortSignal): Promise<void> {
    for (const type of new Set(network.plugins.map((plugin) => plugin.type))) {
      const call = { type, command: 'VERSION', variables: {}, input: { cniVersion: network.version } } as const;
      const answer = await runPlugin(this.places, call, signal);
      const spoken = answer?.['supportedVersions'];
      // One of 0.1.0 may know the command, and have no more to say.
      const versions = Array.isArray(spoken) ? spoken : ['0.1.0', '0.2.0'];
      if (!versions.includes(network.version))
        throw failedPrecondition(`plugin ${type} does not support config version "${network.version}"`, { meta: { cniPlugin: type } });
    }
  }

  #call(
    command: CniCommand,
    attachment: Attachment,
    plugin: PluginConfig,
    { result, netns }: { readonly result: JsonObject | undefined; readonly netns: string },
    signal: AbortSignal,
  ): Promise<JsonObject | undefined> {
    const { args, capabilities } = attachment;
    const given = Object.entries(capabilities).filter(([name]) => plugin.capabilities.includes(name));
    const input = {
      ...inputOf(attachment.network, plugin, given.length === 0 ? {} : { runtimeConfig: Object.fromEntries(given) }),
      ...(result === undefined ? {} : { prevResult: result }),
    };
    const variables = {
      CONTAINERID: attachment.sandboxId,
      NETNS: netns,
      IFNAME: attachment.interface,
      ARGS: Object.entries(args)
        .map((pair) => pair.join('='))
        .join(';'),
    };
    return runPlugin(this.places, { type: plugin.type, command, variables, input }, signal);
  }
}

/** A program's own part, with the network's name and version. */
const inputOf = (network: NetworkList, plugin: PluginConfig, more: JsonObject): JsonObject => ({
  ...plugin.config,
  name: network.name,
  cniVersion: network.version,
  ...more,
});

/** One failure as it is, several as one that says all. */
export function throwAll(failures: readonly unknown[]): void {
  if (failures.length === 0) return;
  const [first, ...others] = failures.map((failure) => prefixed(failure, '').message.replace(/^: /, ''));
  if (others.length === 0) throw failures[0] as Error;
  throw new GantryError('unknown', [first, ...others].join('; '), { cause: new AggregateError(failures) });
}
