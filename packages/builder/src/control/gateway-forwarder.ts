import type { LLBBridgeService } from '@gantry/api/moby/buildkit/v1/frontend/gateway';
import { alreadyExists, type CallContext, type Handlers, invalidArgument, notFound, pause } from '@gantry/rpc';

type Bridge = Handlers<typeof LLBBridgeService>;

/** Metadata by which a client says which of its builds a call of LLBBridge is for. */
const BUILD_ID = 'buildkit-controlapi-buildid';
/** How long a build that is just being opened is waited for, milliseconds. */
const WAIT_MS = 3000;

/** The builds whose frontend is their client: LLBBridge's calls on the common socket, passed to the build that they name. */
export class GatewayForwarder {
  private readonly builds = new Map<string, Bridge>();
  private readonly waiting = new Map<string, Set<(bridge: Bridge) => void>>();

  /** Throws alreadyExists. The returned function takes the build away. */
  register(id: string, bridge: Bridge): () => void {
    if (this.builds.has(id)) throw alreadyExists(`build ID ${id} exists`);
    this.builds.set(id, bridge);
    for (const tell of this.waiting.get(id) ?? []) tell(bridge);
    return () => void this.builds.delete(id);
  }

  handlers(): Bridge {
    return {
      resolveImageConfig: async (ctx, request) => (await this.find(ctx)).resolveImageConfig(ctx, request),
      resolveSourceMeta: async (ctx, request) => (await this.find(ctx)).resolveSourceMeta(ctx, request),
      solve: async (ctx, request) => (await this.find(ctx)).solve(ctx, request),
      readFile: async (ctx, request) => (await this.find(ctx)).readFile(ctx, request),
      readDir: async (ctx, request) => (await this.find(ctx)).readDir(ctx, request),
      statFile: async (ctx, request) => (await this.find(ctx)).statFile(ctx, request),
      evaluate: async (ctx, request) => (await this.find(ctx)).evaluate(ctx, request),
      ping: async (ctx, request) => (await this.find(ctx)).ping(ctx, request),
      return: async (ctx, request) => (await this.find(ctx)).return(ctx, request),
      inputs: async (ctx, request) => (await this.find(ctx)).inputs(ctx, request),
      newContainer: async (ctx, request) => (await this.find(ctx)).newContainer(ctx, request),
      releaseContainer: async (ctx, request) => (await this.find(ctx)).releaseContainer(ctx, request),
      execProcess: async (ctx, requests, send) => {
        const bridge = await this.find(ctx);
        const made = bridge.execProcess(ctx, requests, send);
        if (!(Symbol.asyncIterator in made)) return made;
        for await (const message of made) await send(message);
      },
      readFileContainer: async (ctx, request) => (await this.find(ctx)).readFileContainer(ctx, request),
      readDirContainer: async (ctx, request) => (await this.find(ctx)).readDirContainer(ctx, request),
      statFileContainer: async (ctx, request) => (await this.find(ctx)).statFileContainer(ctx, request),
      warn: async (ctx, request) => (await this.find(ctx)).warn(ctx, request),
    };
  }

  private async find({ sent, signal }: CallContext): Promise<Bridge> {
    const ids = sent?.(BUILD_ID) ?? [];
    const [id = ''] = ids;
    if (ids.length !== 1 || id === '') throw invalidArgument('no buildid found in context');
    const here = this.builds.get(id);
    if (here !== undefined) return here;
    const came = Promise.withResolvers<Bridge>();
    const waiters = this.waiting.get(id) ?? new Set();
    this.waiting.set(id, waiters.add(came.resolve));
    const over = new AbortController();
    try {
      const found = await Promise.race([came.promise, pause(WAIT_MS, { signal: AbortSignal.any([signal, over.signal]) })]);
      if (typeof found === 'boolean') throw notFound(`no such job ${id}`);
      return found;
    } finally {
      over.abort();
      waiters.delete(came.resolve);
      if (waiters.size === 0 && this.waiting.get(id) === waiters) this.waiting.delete(id);
    }
  }
}
