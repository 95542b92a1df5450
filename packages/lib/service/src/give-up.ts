import { createServer } from 'node:net';
import { pause } from '@gantry/rpc/timer';
import type { Environment } from './config';
import { isFinal } from './exit-codes';
import { FIRST_SOCKET } from './inherited-sockets';

/** A manager that starts again at once would do nothing else, ms. */
const BREATH = 1000;

/**
 * Ends a process whose service could not start. systemd starts it again without a pause (252 cannot let pauses grow), or because somebody waits in its
 * socket: so it takes a breath before. When a start would only fail again, whoever waits is refused meanwhile.
 */
export async function giveUp(code: number, { notifySocket, listenFds = 0 }: Environment): Promise<never> {
  if (notifySocket !== undefined) {
    for (let index = 0; isFinal(code) && index < listenFds; index++)
      createServer((socket) => socket.destroy()).listen({ fd: FIRST_SOCKET + index });
    await pause(BREATH);
  }
  process.exit(code);
}
