import { lstatSync, mkdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { dirname } from 'node:path';
import { after, type Timer } from '@gantry/rpc/timer';
import { carryOut, type Verbs } from '../carry-out';
import { Conversation } from './conversation';
import { enterOwnCgroup, leaveOwnCgroup } from './own-cgroup';

/** The descriptor over which the first call comes (packages/native/cli/planner.c). */
const FIRST = 3;
/** So long a planner waits for another call. */
const IDLE_MS = 30_000;

/**
 * Serves the call that started this process, and, where a path is given, those that come to it after: ended by IDLE_MS without a call, or SIGTERM.
 * Two that begin at once both finish what they began; the path is the last one's.
 */
export async function servePlanner(path: string, verbs: Verbs): Promise<void> {
  await converse(new Socket({ fd: FIRST }), verbs);
  if (path === '') return;
  let inode: number | undefined;
  let running = 0;
  let idle: Timer | undefined;
  const end = (): void => {
    if (inode !== undefined && owns(path, inode)) unlinkSync(path);
    server.close();
    leaveDirectory(dirname(path));
    leaveOwnCgroup();
    process.exit(0);
  };
  const rest = (): void => {
    idle?.cancel();
    idle = running > 0 ? undefined : after(IDLE_MS, end);
  };
  const server = createServer((socket) => {
    running++;
    rest();
    void converse(socket, verbs).finally(() => {
      running--;
      rest();
    });
  });
  process.on('SIGTERM', end); // before anything is made that it takes away
  await enterOwnCgroup();
  const mine = `${path}.${process.pid}`;
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 }); // another that ended since the call began may have taken it away
  await new Promise<void>((resolve) => server.listen(mine, resolve));
  inode = lstatSync(mine).ino;
  renameSync(mine, path);
  rest();
}

async function converse(socket: Socket, verbs: Verbs): Promise<void> {
  const conversation = new Conversation(socket);
  try {
    conversation.end(await carryOut(await conversation.hear(), verbs, conversation));
  } catch {
    socket.destroy(); // the caller is gone, and what it began is undone
  }
}

/** The last planner leaves nothing in /run. */
function leaveDirectory(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // of another planner, too
  }
}

function owns(path: string, inode: number): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.ino === inode;
}
