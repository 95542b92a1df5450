import { chmod, chown, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { SSHService } from '@gantry/api/moby/sshforward/v1/ssh';
import type { Mount, SSHOpt } from '@gantry/api/pb/ops';
import { type CallContext, derive, failedPrecondition, invalidArgument, isErrorOf } from '@gantry/rpc';
import type { Session, SessionGroup } from '../../../session/session';
import { goQuote } from '../go-quote';
import type { SpecialMount } from '../mounts';
import { connectAgent } from './agent-stream';

/** Makes a new path for a socket: short, below a directory of ours. */
export type SocketPaths = () => string;

/** The socket of a client's ssh agent; undefined for an optional one that no client offers. It lives as long as the mount. */
export async function sshMount(
  socketPath: SocketPaths,
  ctx: CallContext,
  { dest, SSHOpt: options }: Mount,
  sessions: SessionGroup,
): Promise<SpecialMount | undefined> {
  if (options === undefined) throw invalidArgument(`mount ${dest}: invalid ssh mount options`);
  const session = await sessions.any((each) => offering(ctx, each, options));
  if (session === undefined) return undefined;
  const path = socketPath();
  const ended = new AbortController();
  const calls = derive(ctx, { signal: AbortSignal.any([ctx.signal, ended.signal]) });
  const connections = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    void connectAgent(calls, session, options.ID || 'default', socket);
  });
  const release = async (): Promise<void> => {
    ended.abort(failedPrecondition('the step has ended'));
    for (const socket of connections) socket.destroy();
    await closed(server);
    await rm(path, { force: true });
  };
  try {
    await listening(server, path);
    await chown(path, options.uid, options.gid);
    await chmod(path, options.mode & 0o777);
  } catch (error) {
    await release();
    throw error;
  }
  return { source: [{ type: 'bind', source: path, target: '', options: ['rbind'] }], release };
}

/** The session, if it offers the agent; undefined where it does not and need not. */
async function offering(ctx: CallContext, session: Session, { ID: id, optional }: SSHOpt): Promise<Session | undefined> {
  try {
    await session.client(SSHService).checkAgent(ctx, { ID: id });
    return session;
  } catch (error) {
    if (optional) return undefined;
    if (isErrorOf(error, 'notImplemented'))
      throw failedPrecondition(`no SSH key ${goQuote(id)} forwarded from the client`, { cause: error });
    throw error;
  }
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
