import { errorText, forbidden, internal } from '@gantry/rpc';
import { isDisabled, type PluginClient, type Plugins } from '@gantry/service/plugins';
import type { AskedBefore, AskedAfter } from './asked';

/** Docker's authorization plugins: each is asked of every request and of its answer, in their order, and all must allow. */
export class Authorizer {
  #names: readonly string[];

  constructor(
    private readonly plugins: Pick<Plugins, 'get'>,
    names: readonly string[],
  ) {
    this.#names = [...new Set(names)];
  }

  get names(): readonly string[] {
    return this.#names;
  }

  /** From the next request on. */
  change(names: readonly string[]): void {
    this.#names = [...new Set(names)];
  }

  /** Errors: forbidden in the plugin's words; internal for one that cannot be asked: who is not there allows nothing. */
  async before(asked: AskedBefore): Promise<void> {
    await this.ask('AuthZPlugin.AuthZReq', asked);
  }

  async after(asked: AskedAfter): Promise<void> {
    await this.ask('AuthZPlugin.AuthZRes', asked);
  }

  private async ask(method: string, asked: object): Promise<void> {
    for (const name of this.#names) {
      const answer = await this.answerOf(name, async (client) => ({ said: await client.ask(method, asked), from: client.name }));
      if (answer === undefined) continue;
      const { said, from } = answer;
      const { Allow: allows, Msg: message } = said;
      if (allows !== true) throw forbidden(`authorization denied by plugin ${from}: ${typeof message === 'string' ? message : ''}`);
    }
  }

  /** Undefined: it is a managed plugin that was disabled, and is asked no more, as in dockerd, until the list is read anew. */
  private async answerOf<T>(name: string, ask: (client: PluginClient) => Promise<T>): Promise<T | undefined> {
    try {
      return await ask(await this.plugins.get(name, 'authz'));
    } catch (error) {
      if (isDisabled(error)) {
        this.#names = this.#names.filter((one) => one !== name);
        return undefined;
      }
      throw internal(`plugin ${name} failed with error: ${errorText(error)}`, { cause: error });
    }
  }
}
