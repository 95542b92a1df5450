import type { ControlService } from '@gantry/api/moby/buildkit/v1/control';
import type { Handlers } from '@gantry/rpc';
import { codes } from '../failure/codes';
import { withoutCode } from '../failure/without-code';
import { sessionAbout } from '../session/about';
import { messageStream } from '../session/message-stream';
import type { ControlParts } from './needs';
import { solve } from './solve';
import { matchingWorkers } from './workers';

/** moby.buildkit.v1.Control. */
export function controlHandlers(parts: ControlParts): Handlers<typeof ControlService> {
  const { sessions, jobs, usage, history } = parts;
  return {
    solve: async (ctx, request) => {
      try {
        return await solve(parts, ctx, request);
      } catch (error) {
        throw withoutCode(error, codes.control);
      }
    },
    status: (ctx, { Ref }) => jobs.status(ctx, Ref),
    session: async (ctx, requests, send) => {
      const stream = messageStream(requests, send);
      const leave = (): void => void stream.destroy();
      ctx.signal.addEventListener('abort', leave, { once: true });
      await sessions.serve(stream, sessionAbout(ctx));
    },
    listWorkers: async (_ctx, { filter }) => ({ record: matchingWorkers(await parts.lookAtWorkers(), filter) }),
    info: async () => ({ buildkitVersion: { ...parts.version, dockerfileVersion: '' } }),
    diskUsage: async (ctx, request) => ({ record: [...(await usage.diskUsage(ctx, request))] }),
    prune: (ctx, request) => usage.prune(ctx, request),
    listenBuildHistory: (ctx, request) => history.listen(ctx, request),
    updateBuildHistory: async (ctx, request) => {
      await history.update(ctx, request);
      return {};
    },
  };
}
