import { alreadyExists, detached, errorText, failedPrecondition, invalidArgument, type Logger, notFound } from '@gantry/rpc';
import type { CallContext } from '@gantry/rpc';
import { KeyedLock } from '../operations/lock';
import type { Attachment, Attachments } from './attachments';
import { type Chain, throwAll } from './chain';
import type { JsonObject } from './config-list';
import type { ConfigDirectory, Loaded } from './directory';
import { Gate } from './gate';
import { type CniResult, readResult } from './result';

export interface PodWish {
  readonly sandboxId: string;
  readonly netnsPath: string;
  /** Empty: eth0. */
  readonly interface: string;
  readonly args: Readonly<Record<string, string>>;
  readonly capabilities: JsonObject;
}

export interface PodOnNetwork {
  readonly attachment: Attachment;
  readonly result: CniResult;
}

/** What a kubelet's status tells when there is none. */
const NOT_CONFIGURED = 'cni plugin not initialized';

export interface PodParts {
  readonly directory: ConfigDirectory;
  readonly attachments: Attachments;
  readonly chain: Chain;
  /** A namespace's loopback, which no network of ours is asked for. */
  readonly loopbackUp: (netnsPath: string) => Promise<void>;
  readonly logger: Logger;
}

/** Pods on the network of the CNI configuration. Calls for one pod come one after the other, those for different ones at the same time. */
export class Pods {
  readonly #locks = new KeyedLock();
  readonly #gate = new Gate();
  /** A configuration whose programs were found to speak its version. */
  #known: Loaded | undefined;

  constructor(private readonly parts: PodParts) {}

  /**
   * Puts a pod on the network. One that is on it already is answered as it is. When a program fails, all are told to take back, and the
   * failure is the answer. Errors: failedPrecondition without a configuration (meta `cni: notConfigured`), alreadyExists for another namespace.
   */
  async add(ctx: CallContext, wish: PodWish): Promise<PodOnNetwork> {
    const { directory, attachments, chain } = this.parts;
    checkWish(wish);
    if (directory.blind || directory.current.network === undefined) await directory.reload();
    return this.#inTurn(wish.sandboxId, async () => {
      const { network } = directory.current;
      const old = attachments.get(wish.sandboxId);
      if (old?.result !== undefined) {
        if (old.netnsPath !== wish.netnsPath)
          throw alreadyExists(`sandbox ${wish.sandboxId} is on network ${old.network.name} already, in namespace ${old.netnsPath}`);
        return { attachment: old, result: readResult(old.result) };
      }
      if (old !== undefined) await this.#takeOff(old, wish.netnsPath, ctx.signal); // half made when the service died
      if (network === undefined) throw failedPrecondition(NOT_CONFIGURED, { meta: { cni: 'notConfigured' } });
      const begun: Attachment = { ...wish, interface: nameOf(wish), network };
      await attachments.save(begun);
      try {
        await this.parts.loopbackUp(wish.netnsPath);
        const whole = { ...begun, result: await chain.add(begun, ctx.signal) };
        const result = readResult(whole.result);
        await attachments.save(whole);
        return { attachment: whole, result };
      } catch (error) {
        // Whoever asked may be gone: what was made goes all the same.
        await this.#takeOff(begun, wish.netnsPath, detached(ctx).signal).catch((undo: unknown) =>
          this.parts.logger.warn(
            { err: undo, sandbox: wish.sandboxId },
            `what CNI programs had made could not be taken back: ${errorText(undo)}`,
          ),
        );
        throw error;
      }
    });
  }

  /** Takes a pod off its network, with what it was put on it with. One that is on none is off it. `netnsPath` is empty when that is gone. */
  async remove(ctx: CallContext, { sandboxId, netnsPath }: { readonly sandboxId: string; readonly netnsPath: string }): Promise<void> {
    await this.#inTurn(sandboxId, async () => {
      const attachment = this.parts.attachments.get(sandboxId);
      if (attachment !== undefined) await this.#takeOff(attachment, netnsPath, ctx.signal);
    });
  }

  /** Whether all of a pod's network is as it was made. Errors: notFound, and the programs' own. */
  async check(ctx: CallContext, sandboxId: string): Promise<PodOnNetwork> {
    return this.#inTurn(sandboxId, async () => {
      const attachment = this.parts.attachments.get(sandboxId);
      if (attachment === undefined) throw notFound(`sandbox ${sandboxId} is on no CNI network`);
      await this.parts.chain.check(attachment, ctx.signal);
      return { attachment, result: readResult(attachment.result ?? {}) };
    });
  }

  /**
   * Takes pods off that are not named, and has programs give back what belongs to none (GC). No pod is put on or taken off meanwhile: one that
   * is being made when the list is made has to be on it. Answers whose pods were taken off.
   */
  async collect(ctx: CallContext, live: readonly string[]): Promise<string[]> {
    const { attachments, chain, directory } = this.parts;
    return this.#gate.alone(async () => {
      const gone = attachments.all().filter(({ sandboxId }) => !live.includes(sandboxId));
      const failures: unknown[] = [];
      const released: string[] = [];
      for (const attachment of gone) {
        try {
          await this.#takeOff(attachment, '', ctx.signal);
          released.push(attachment.sandboxId);
        } catch (error) {
          failures.push(error);
        }
      }
      const { network } = directory.current;
      if (network !== undefined) {
        const valid = attachments.all().filter((each) => each.network.name === network.name);
        await chain.collect(network, valid, ctx.signal).catch((error: unknown) => failures.push(error));
      }
      throwAll(failures);
      return released;
    });
  }

  /** The configuration, and why no pod could be put on it now; empty when one could. */
  async status(ctx: CallContext): Promise<Loaded & { readonly problem: string }> {
    const { directory, chain } = this.parts;
    if (directory.blind) await directory.reload();
    const loaded = directory.current;
    if (loaded.network === undefined) return { ...loaded, problem: NOT_CONFIGURED };
    try {
      if (this.#known !== loaded) await chain.versions(loaded.network, ctx.signal);
      this.#known = loaded;
      await chain.status(loaded.network, ctx.signal);
      return { ...loaded, problem: '' };
    } catch (error) {
      if (ctx.signal.aborted) throw error;
      return { ...loaded, problem: errorText(error) };
    }
  }

  get all(): readonly PodOnNetwork[] {
    return this.parts.attachments.all().flatMap((attachment) => {
      return attachment.result === undefined ? [] : [{ attachment, result: readResult(attachment.result) }];
    });
  }

  #inTurn<T>(sandboxId: string, task: () => Promise<T>): Promise<T> {
    return this.#gate.shared(() => this.#locks.run(sandboxId, task));
  }

  /** The record stays when a program fails: it will be asked again. */
  async #takeOff(attachment: Attachment, netnsPath: string, signal: AbortSignal): Promise<void> {
    await this.parts.chain.del(attachment, netnsPath, signal);
    await this.parts.attachments.remove(attachment);
  }
}

const nameOf = (wish: PodWish): string => (wish.interface === '' ? 'eth0' : wish.interface);

/** What stands in a program's environment, or in a file's name (specification, "Parameters"). */
function checkWish(wish: PodWish): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(wish.sandboxId) || wish.sandboxId.length > 128)
    throw invalidArgument(`sandbox id "${wish.sandboxId}" is none that CNI takes`);
  if (!wish.netnsPath.startsWith('/')) throw invalidArgument(`sandbox ${wish.sandboxId}: netns path "${wish.netnsPath}" is not absolute`);
  if (!/^[^\s/:]{1,15}$/.test(nameOf(wish)) || ['.', '..'].includes(nameOf(wish)))
    throw invalidArgument(`interface "${wish.interface}" is no interface name`);
  for (const [name, value] of Object.entries(wish.args))
    if (!/^[A-Za-z0-9_]+$/.test(name) || /[;\0]/.test(value)) throw invalidArgument(`argument "${name}" cannot be given as CNI_ARGS`);
}
