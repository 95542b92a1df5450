import type { Socket } from 'node:net';
import { isOfProgram, LAUNCH_CODES, type LaunchCode } from '@gantry/native';
import { GantryError, internal, type ErrorKind } from '@gantry/rpc/errors';
import { parseJson } from '@gantry/oci';
import type { Caller, Launcher, Wish } from '../context';
import { Frames, type FrameType } from './frames';

const kinds = {
  not_found: 'notFound',
  permission: 'forbidden',
  invalid: 'invalidArgument',
  internal: 'internal',
  no_program: 'notFound',
  program_refused: 'forbidden',
  program_broken: 'invalidArgument',
  mount_kind: 'notFound',
} as const satisfies Record<LaunchCode, ErrorKind>;

/** One call of gantry-runc, whose C half does the launching: the process is its child and has its descriptors. */
export class Conversation implements Launcher {
  readonly #frames: Frames;
  #made = false;

  constructor(private readonly socket: Socket) {
    this.#frames = new Frames(socket);
  }

  async hear(): Promise<Caller> {
    const { type, bytes } = await this.#frames.next();
    if (type !== 'R') throw internal(`a call begins with R, not ${type}`);
    this.#frames.send('H'); // before anything is done: a caller that never hears it begins anew with another planner
    return parseJson(bytes.toString()) as Caller;
  }

  print(type: Extract<FrameType, 'O' | 'E'>, text: string): void {
    this.#frames.send(type, Buffer.from(text));
  }

  async create(wish: Wish, plan: Uint8Array): Promise<number> {
    const text = Buffer.from(JSON.stringify({ ...wish, terminal: wish.terminal ? 1 : 0 }));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    this.#frames.send('L', Buffer.concat([length, text, plan]));
    const pid = Number(await this.#answer('created'));
    this.#made = true;
    return pid;
  }

  async start(): Promise<void> {
    this.#frames.send('S');
    await this.#answer('started');
  }

  /** The last word: an exit status, or that the caller waits for the process it has. */
  end(status: number | 'wait'): void {
    const bytes = Buffer.alloc(4);
    if (status === 'wait') this.#frames.send('W');
    else {
      bytes.writeUInt32LE(status);
      this.#frames.send('X', bytes);
    }
    this.socket.end();
  }

  async #answer(wanted: string): Promise<string> {
    const text = (await this.#frames.next()).bytes.toString();
    const [word = '', ...rest] = text.split(' ');
    if (word === wanted) return rest.join(' ');
    const code = LAUNCH_CODES.find((name) => name === rest[0]);
    if (word !== 'error') throw internal(`"${text}" is no answer`);
    throw refusal(code ?? 'internal', rest.slice(1).join(' '), this.#made);
  }
}

/** What the C half tells of a failure, before or after the container was made. Callers tell a program that cannot be run from a container that cannot be made. */
function refusal(launch: LaunchCode, text: string, made: boolean): GantryError {
  return new GantryError(kinds[launch], isOfProgram(launch) ? text : `error during container init: ${text}`, { meta: { launch, made } });
}
