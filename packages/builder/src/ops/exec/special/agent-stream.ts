import type { Socket } from 'node:net';
import { type BytesMessage, SSHService } from '@gantry/api/moby/sshforward/v1/ssh';
import type { CallContext } from '@gantry/rpc';
import type { Session } from '../../../session/session';

/** Metadata by which a client knows which of its agents is meant. */
const ID_KEY = 'buildkit.ssh.id';

/** Carries one connection of a step to the agent of the client, both ways, until either ends. Never rejects. */
export async function connectAgent(ctx: CallContext, session: Session, id: string, socket: Socket): Promise<void> {
  socket.on('error', () => undefined); // the step is gone; the stream ends with it
  try {
    const answers = session.client(SSHService).forwardAgent(ctx, spoken(socket), { metadata: { [ID_KEY]: [id] } });
    for await (const { data } of answers) if (!socket.write(data)) await drain(socket);
    socket.end();
  } catch {
    socket.destroy();
  }
}

async function* spoken(socket: Socket): AsyncIterable<BytesMessage> {
  for await (const data of socket) yield { data: data as Buffer };
}

function drain(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}
