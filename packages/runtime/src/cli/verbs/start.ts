import { closeSync, constants, openSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { LAUNCH_CODES } from '@gantry/native';
import { failedPrecondition, type GantryError } from '@gantry/rpc/errors';
import { refusal } from '../native';
import { parseFlags, positional } from '../arguments';
import type { Verb } from '../context';
import { unableToStart } from '../create-container';
import { destroy } from '../destroy';
import { runHooks } from '../hooks';
import { steps } from '../steps';
import { loadState, START_SOCKET, stateDirectory, statusOf } from '../state';

export const start: Verb = {
  usage: 'start ID',
  help: "let a created container's process run",
  async run(context, words) {
    const [id] = positional(parseFlags(words, {}).rest, ['ID']);
    const state = loadState(context.root, id as string);
    const status = await statusOf(context.root, state, context.cgroups);
    if (status !== 'created')
      throw failedPrecondition(
        status === 'stopped' ? 'cannot start a container that has stopped' : `cannot start a container in the ${status} state`,
      );
    const directory = stateDirectory(context.root, state.id);
    const failure = await release(directory);
    unlinkSync(join(directory, START_SOCKET));
    if (failure) throw unableToStart(failure);
    context.log.debug(steps.entered(state.id));
    try {
      await runHooks('poststart', state.spec, { id: state.id, pid: state.pid, bundle: state.bundle, status: 'running' });
    } catch (error) {
      await destroy(context, state);
      throw error;
    }
    return 0;
  },
};

/** Says "S" on the socket; the answer is its end (the program runs) or an error: 'E', u8 kind, i32 errno, text. */
function release(directory: string): Promise<GantryError | undefined> {
  /* Through a descriptor of the directory: the path itself may be longer than a socket's address. */
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  return new Promise<GantryError | undefined>((resolve, reject) => {
    const socket = connect({ path: `/proc/self/fd/${fd}/${START_SOCKET}`, allowHalfOpen: true });
    const chunks: Buffer[] = [];
    socket.on('connect', () => {
      socket.write('S');
    });
    socket.on('data', (data) => {
      chunks.push(data);
    });
    socket.on('error', reject);
    socket.on('end', () => {
      socket.destroy();
      const answer = Buffer.concat(chunks);
      resolve(answer[0] === 0x45 ? refusal(LAUNCH_CODES[answer[1] ?? 0], answer.subarray(6).toString(), true) : undefined);
    });
  }).finally(() => {
    closeSync(fd);
  });
}
